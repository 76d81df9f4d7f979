package admin

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// noteForm is what somebody has written into the order's own form, and what is
// wrong with it.
type noteForm struct{ text, key, problem string }

// Note is POST /admin/orders/:number/notes: keeps a note about the order. The
// same form twice is one note.
func (h Pages) Note(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	form, d, err := h.form(c)
	if err != nil {
		return err
	}
	key, err := keyOf(form)
	if err != nil {
		return err
	}
	text := note(form.Get("note"))
	n := utf8.RuneCountInString(text)
	problem := ""
	switch {
	case n == 0:
		problem = "Write something first"
	case n > page.MaxNote:
		problem = "At most " + strconv.Itoa(page.MaxNote) + " characters: these are " + strconv.Itoa(n)
	}
	if problem != "" {
		return h.showOrderWith(c, http.StatusUnprocessableEntity, d, "", noteForm{form.Get("note"), key, problem})
	}
	if err := h.Orders.Note(c.Request.Context(), d.ID, key, text, by(c)); err != nil {
		return h.refused(c, d.ID, err, models.Payment{})
	}
	return h.back(c, orderURL(d.Number()), answer{text: "The note is kept. It stands in the timeline."})
}

// note is what was typed as a note, fit to be kept: line breaks stay.
func note(typed string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, typed))
}
