package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"
)

const (
	maxPicture = 5 << 20   // bytes, of the file
	maxWrapped = 256 << 10 // bytes, of what a form has around it
	pictureTip = "Choose a PNG, JPEG, GIF or WebP file of at most 5 MB."
)

// Picture is GET /pictures/:digest. An address names its content, so it may be
// kept for ever.
func (h Pages) Picture(c *gin.Context) error {
	one, err := h.Pictures.ByDigest(c.Request.Context(), c.Param("digest"))
	if err != nil {
		return err
	}
	header := c.Writer.Header()
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("ETag", strconv.Quote(one.Digest))
	if c.GetHeader("If-None-Match") == strconv.Quote(one.Digest) {
		c.Status(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Length", strconv.Itoa(len(one.Body)))
	c.Data(http.StatusOK, one.Mime, one.Body)
	return nil
}

// upload reads the file of a form, and the other fields up to it. Where it is no
// picture, why says so to who sent it.
func (h Pages) upload(c *gin.Context) (fields map[string]string, picture models.Picture, why string, err error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxPicture+maxWrapped)
	r, err := c.Request.MultipartReader()
	if err != nil {
		return nil, picture, "", fmt.Errorf("%w: %w", web.ErrBadRequest, err)
	}
	fields = map[string]string{}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, picture, "No file was chosen. " + pictureTip, nil
		}
		if err != nil {
			return fields, picture, "", unread(err)
		}
		if part.FormName() != "picture" {
			text, err := io.ReadAll(io.LimitReader(part, 1<<10))
			if err != nil {
				return fields, picture, "", unread(err)
			}
			fields[part.FormName()] = string(text)
			continue
		}
		raw, err := io.ReadAll(io.LimitReader(part, maxPicture+1))
		if err != nil {
			return fields, picture, "", unread(err)
		}
		switch {
		case len(raw) == 0:
			return fields, picture, "No file was chosen. " + pictureTip, nil
		case len(raw) > maxPicture:
			return fields, picture, "The file is larger than 5 MB. " + pictureTip, nil
		}
		picture, err = h.Pictures.Read(c.Request.Context(), raw)
		switch {
		case errors.Is(err, models.ErrManyPixels):
			return fields, picture, "The picture has more than 40 million pixels. Scale it down first.", nil
		case errors.Is(err, models.ErrNotPicture):
			return fields, picture, "That file is not a picture, or it is broken. " + pictureTip, nil
		}
		return fields, picture, "", err
	}
}

// unread is the error for a form that ended too early, or not at all.
func unread(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return err
	}
	return fmt.Errorf("%w: %w", web.ErrBadRequest, err)
}

// SetPicture is POST /admin/products/:id/picture, with a file.
func (h Pages) SetPicture(c *gin.Context) error {
	if err := need(c, rightSell); err != nil {
		return err
	}
	one, err := h.product(c)
	if err != nil {
		return err
	}
	fields, picture, why, err := h.upload(c)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		why = "The file is larger than 5 MB. " + pictureTip
	case err != nil:
		return err
	}
	p := h.pageOf(c, one)
	if why != "" {
		p.PictureProblem = why + " The picture is still the one from before."
		return h.showProduct(c, http.StatusUnprocessableEntity, p)
	}
	return h.pictureSet(c, one, cursor(fields["version"]), &picture, "The picture of "+one.Name+" is another one now.")
}

// RemovePicture is POST /admin/products/:id/picture/remove.
func (h Pages) RemovePicture(c *gin.Context) error {
	if err := need(c, rightSell); err != nil {
		return err
	}
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	one, err := h.product(c)
	if err != nil {
		return err
	}
	return h.pictureSet(c, one, cursor(form.Get("version")), nil, one.Name+" has no picture any more.")
}

func (h Pages) pictureSet(c *gin.Context, one models.Product, version int64, picture *models.Picture, done string) error {
	err := h.Products.SetPicture(c.Request.Context(), one.ID, version, picture, by(c).Actor)
	if errors.Is(err, models.ErrStale) {
		p := h.pageOf(c, one)
		p.Refused = "Somebody else changed this product while you did. The picture is as it was; below is the product as it is now."
		return h.showProduct(c, http.StatusConflict, p)
	}
	if err != nil {
		return err
	}
	return h.back(c, productURL(one.ID), answer{text: done})
}
