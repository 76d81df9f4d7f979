package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Picture is one that staff have uploaded, as browsers get it: decoded, turned
// upright, scaled down and encoded anew, so that nothing of the file is left but
// what can be seen.
type Picture struct {
	Digest    string `gorm:"primaryKey"` // "sha256-" and the hex SHA-256 of Body; what a product's Picture and a Logo hold
	Mime      string // image/jpeg or image/png
	Width     int
	Height    int
	Body      []byte
	CreatedAt time.Time
}

const (
	maxPixels = 40_000_000 // of a picture before it is decoded
	maxSide   = 1200       // pixels, of a picture as it is kept
	quality   = 85         // of a JPEG
)

var (
	// ErrNotPicture is returned for a file that is no PNG, JPEG, GIF or WebP, or
	// a broken one.
	ErrNotPicture = errors.New("models: not a picture")
	// ErrManyPixels is returned for a picture of more than 40 million pixels.
	ErrManyPixels = errors.New("models: a picture with too many pixels")
)

// format is how the files of one kind are told and read. Kinds are told here,
// and not by image.Decode, so that no import elsewhere adds one.
type format struct {
	begins func(raw []byte) bool
	sizes  func(raw []byte) ([]image.Point, error) // of everything that decode makes room for
	decode func(raw []byte) (image.Image, error)
}

var formats = []format{
	{
		func(raw []byte) bool { return bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")) },
		func(raw []byte) ([]image.Point, error) { return size(png.DecodeConfig(bytes.NewReader(raw))) },
		func(raw []byte) (image.Image, error) { return png.Decode(bytes.NewReader(raw)) },
	},
	{
		func(raw []byte) bool { return bytes.HasPrefix(raw, []byte("\xff\xd8\xff")) },
		func(raw []byte) ([]image.Point, error) { return size(jpeg.DecodeConfig(bytes.NewReader(raw))) },
		func(raw []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(raw)) },
	},
	{
		func(raw []byte) bool {
			return bytes.HasPrefix(raw, []byte("GIF87a")) || bytes.HasPrefix(raw, []byte("GIF89a"))
		},
		func(raw []byte) ([]image.Point, error) { return size(gif.DecodeConfig(bytes.NewReader(raw))) },
		func(raw []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(raw)) }, // the first frame
	},
	{
		func(raw []byte) bool {
			return len(raw) >= 12 && string(raw[:4]) == "RIFF" && string(raw[8:12]) == "WEBP"
		},
		webpSizes,
		func(raw []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(raw)) },
	},
}

func size(c image.Config, err error) ([]image.Point, error) {
	return []image.Point{{X: c.Width, Y: c.Height}}, err
}

// webpSizes are those of the canvas and of what is drawn on it. The decoder's
// own DecodeConfig tells the canvas alone, and a small canvas may hold a frame
// that fills the memory.
func webpSizes(raw []byte) ([]image.Point, error) {
	all, err := size(webp.DecodeConfig(bytes.NewReader(raw)))
	if err != nil {
		return nil, err
	}
	for at := 12; at+8 <= len(raw); {
		name, length := string(raw[at:at+4]), int(binary.LittleEndian.Uint32(raw[at+4:]))
		body := raw[at+8:]
		body = body[:min(len(body), length)]
		switch {
		case name == "VP8 " && len(body) >= 10:
			all = append(all, image.Pt(int(binary.LittleEndian.Uint16(body[6:])&0x3fff), int(binary.LittleEndian.Uint16(body[8:])&0x3fff)))
		case name == "VP8L" && len(body) >= 5:
			bits := binary.LittleEndian.Uint32(body[1:])
			all = append(all, image.Pt(int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1))
		}
		at += 8 + length + length&1
	}
	return all, nil
}

// Pictures reads pictures, and makes them of files.
type Pictures struct {
	db   *DB
	turn chan struct{} // one is decoded at a time: the largest takes some hundred megabytes
}

// NewPictures returns the pictures kept in db. A process needs one.
func NewPictures(db *DB) *Pictures { return &Pictures{db, make(chan struct{}, 1)} }

// ByDigest returns a picture, or ErrNotFound.
func (p *Pictures) ByDigest(ctx context.Context, digest string) (Picture, error) {
	one, err := rowsOf[Picture](p.db.r).Where("digest = ?", digest).First(ctx)
	return one, named(err, "picture")
}

// Read makes a picture of a file. Nothing is kept before something is saved
// that shows it.
//
// Errors: ErrNotPicture, ErrManyPixels.
func (p *Pictures) Read(ctx context.Context, raw []byte) (Picture, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Picture{}, ctx.Err()
	}
	return readPicture(raw, maxPixels)
}

func readPicture(raw []byte, most int) (Picture, error) {
	for _, f := range formats {
		if !f.begins(raw) {
			continue
		}
		sizes, err := f.sizes(raw)
		if err != nil {
			return Picture{}, fmt.Errorf("%w: %w", ErrNotPicture, err)
		}
		for _, s := range sizes {
			if s.X < 1 || s.Y < 1 {
				return Picture{}, fmt.Errorf("%w: it has no size", ErrNotPicture)
			}
			if s.X > most/s.Y {
				return Picture{}, fmt.Errorf("%w: %d by %d", ErrManyPixels, s.X, s.Y)
			}
		}
		img, err := f.decode(raw)
		if err != nil {
			return Picture{}, fmt.Errorf("%w: %w", ErrNotPicture, err)
		}
		return encode(upright(scaled(img), orientation(raw)))
	}
	return Picture{}, ErrNotPicture
}

// scaled is a picture that is at most maxSide wide and high, in plain pixels.
func scaled(img image.Image) *image.RGBA {
	from := img.Bounds()
	w, h := from.Dx(), from.Dy()
	if long := max(w, h); long <= maxSide {
		out := image.NewRGBA(image.Rect(0, 0, w, h))
		draw.Draw(out, out.Bounds(), img, from.Min, draw.Src)
		return out
	}
	switch img.(type) {
	case *image.RGBA, *image.NRGBA, *image.YCbCr, *image.Gray: // the scaler is quick with these
	default:
		plain := image.NewRGBA(from)
		draw.Draw(plain, from, img, from.Min, draw.Src)
		img = plain
	}
	long := max(w, h)
	out := image.NewRGBA(image.Rect(0, 0, max(w*maxSide/long, 1), max(h*maxSide/long, 1)))
	draw.CatmullRom.Scale(out, out.Bounds(), img, from, draw.Src, nil)
	return out
}

// upright turns and mirrors a picture as its orientation asks: 1 to 8, as in
// EXIF 2.32, 4.6.5, tag 274.
func upright(img *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return img
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	to := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		to = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(to)
	for y := range to.Dy() {
		for x := range to.Dx() {
			fx, fy := x, y
			switch orientation {
			case 2:
				fx = w - 1 - x
			case 3:
				fx, fy = w-1-x, h-1-y
			case 4:
				fy = h - 1 - y
			case 5:
				fx, fy = y, x
			case 6:
				fx, fy = y, h-1-x
			case 7:
				fx, fy = w-1-y, h-1-x
			case 8:
				fx, fy = w-1-y, x
			}
			out.SetRGBA(x, y, img.RGBAAt(fx, fy))
		}
	}
	return out
}

// orientation is what the EXIF data of a JPEG says about how its camera was
// held; 1, upright, when there is none that can be read.
func orientation(raw []byte) int {
	const upright = 1
	for at := 2; at+4 <= len(raw) && raw[at] == 0xff; {
		marker, length := raw[at+1], int(binary.BigEndian.Uint16(raw[at+2:]))
		end := at + 2 + length
		if length < 2 || end > len(raw) || marker == 0xda { // the pixels begin
			return upright
		}
		if segment := raw[at+4 : end]; marker == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
			return tiffOrientation(segment[6:])
		}
		at = end
	}
	return upright
}

func tiffOrientation(tiff []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(tiff) < 8:
		return 1
	case string(tiff[:2]) == "MM":
		order = binary.BigEndian
	}
	first := int64(order.Uint32(tiff[4:]))
	if first+2 > int64(len(tiff)) {
		return 1
	}
	fields := tiff[first+2:]
	for range order.Uint16(tiff[first:]) {
		if len(fields) < 12 {
			return 1
		}
		if order.Uint16(fields) == 0x0112 {
			return int(order.Uint16(fields[8:]))
		}
		fields = fields[12:]
	}
	return 1
}

// encode makes a PNG of a picture that can be seen through, and a JPEG of any
// other.
func encode(img *image.RGBA) (Picture, error) {
	p := Picture{Mime: "image/jpeg", Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}
	var out bytes.Buffer
	var err error
	if img.Opaque() {
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: quality})
	} else {
		p.Mime = "image/png"
		err = png.Encode(&out, img)
	}
	if err != nil {
		return Picture{}, fmt.Errorf("models: encode a picture: %w", err)
	}
	p.Body = out.Bytes()
	sum := sha256.Sum256(p.Body)
	p.Digest = "sha256-" + hex.EncodeToString(sum[:])
	return p, nil
}

// addPicture keeps a picture; one that is there already stays as it is.
func addPicture(ctx context.Context, tx *gorm.DB, p Picture) error {
	p.CreatedAt = tx.NowFunc()
	return named(tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&p).Error, "picture")
}
