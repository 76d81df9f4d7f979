package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// SaveView is POST /admin/orders/views: gives the filter of a list a name, for
// who is signed in. A name that is another filter's is asked about first.
func (h Pages) SaveView(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	v, query, err := viewForm(form)
	if err != nil {
		return err
	}
	c.Request.URL.RawQuery = v.Query // the list that it is about, should it be shown again
	switch {
	case v.Name == "":
		v.Problem = "Say how you want to call it"
	case len([]rune(v.Name)) > page.MaxViewName:
		v.Problem = "At most " + strconv.Itoa(page.MaxViewName) + " characters"
	case v.Query == "":
		v.Problem = "These are all orders. Choose something first"
	}
	if v.Problem != "" {
		return h.showOrders(c, http.StatusUnprocessableEntity, v)
	}
	q, err := h.askedFor(c, query)
	if err != nil {
		return err
	}
	if len(q.page.Problems) > 0 {
		return h.showOrders(c, http.StatusUnprocessableEntity, v)
	}
	one := models.SavedView{StaffID: member(c).ID, Name: v.Name, Query: v.Query}
	err = models.NewSavedViews(h.DB).Save(c.Request.Context(), one, form.Get("replace") == v.Name)
	switch {
	case errors.Is(err, models.ErrDuplicate):
		v.Replaces = v.Name
		return h.showOrders(c, http.StatusConflict, v)
	case errors.Is(err, models.ErrFull):
		v.Problem = "You have " + strconv.Itoa(models.MaxSavedViews) + " views, which is as many as there can be. Delete one first"
		return h.showOrders(c, http.StatusConflict, v)
	case err != nil:
		return err
	}
	return h.back(c, ordersURL+"?"+v.Query, answer{text: "Saved as “" + v.Name + "”. It stands above the list, for you alone."})
}

// viewForm is what the form of a view says, without a place in its list.
func viewForm(form url.Values) (v page.ViewForm, query url.Values, err error) {
	query, err = url.ParseQuery(form.Get("query"))
	if err != nil || len(form.Get("query")) > maxViewQuery {
		return v, nil, fmt.Errorf("%w: filter of a view", web.ErrBadRequest)
	}
	for _, place := range []string{"before", "after"} {
		query.Del(place)
	}
	return page.ViewForm{Name: reason(form.Get("name")), Query: query.Encode()}, query, nil
}

// viewDraft is the form of a view that somebody had filled when their session was
// over, and makes its list the one that is shown.
func (h Pages) viewDraft(c *gin.Context) page.ViewForm {
	typed := h.draft(c, ordersURL+"/views")
	v, _, err := viewForm(typed)
	if typed == nil || err != nil {
		return page.ViewForm{}
	}
	c.Request.URL.RawQuery = v.Query
	return v
}

// maxViewQuery bounds the filter of a view, in bytes.
const maxViewQuery = 4000

// DeleteView is POST /admin/orders/views/:view/delete.
func (h Pages) DeleteView(c *gin.Context) error {
	id, err := strconv.ParseInt(c.Param("view"), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: a view by another word than its number", models.ErrNotFound)
	}
	err = models.NewSavedViews(h.DB).Delete(c.Request.Context(), member(c).ID, id)
	if errors.Is(err, models.ErrNotFound) {
		return h.back(c, ordersURL, answer{text: "That view is gone already."})
	}
	if err != nil {
		return err
	}
	return h.back(c, ordersURL, answer{text: "The view is deleted. The orders in it are as they were."})
}
