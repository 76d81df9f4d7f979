package admin

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"till/models"
)

func TestViews(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		save := func(pairs ...string) url.Values {
			f := url.Values{"query": {"status=paid&before=1003"}, "name": {"Paid ones"}}
			for i := 0; i < len(pairs); i += 2 {
				f.Set(pairs[i], pairs[i+1])
			}
			return f
		}
		const to = "/admin/orders/views"
		wantAway(t, s.w.post(to, save()), "/admin/orders?status=paid")
		want(t, s.w.get("/admin/orders?status=paid"), 200, "Saved as “Paid ones”", `href="/admin/orders?status=paid"`, ">Paid ones</a>")
		views := func() int { return s.count(t, "saved_views") }
		for _, tt := range []struct {
			form   url.Values
			status int
			text   string
		}{
			{save("name", " "), 422, "Say how you want to call it"},
			{save("name", strings.Repeat("x", 61)), 422, "At most 60 characters"},
			{save("query", "before=3", "name", "all"), 422, "These are all orders"},
			{save("query", "status=bogus", "name", "odd"), 422, "is no status"},
			{save("query", "%zz"), 400, "We could not read that"},
			{save("query", "status=hold"), 409, "You have a view with this name"},
		} {
			want(t, s.w.post(to, tt.form), tt.status, tt.text)
			if n := views(); n != 1 || s.count(t, "saved_views WHERE query = 'status=paid'") != 1 {
				t.Errorf("%s was refused and changed something", tt.text)
			}
		}
		wantAway(t, s.w.post(to, save("query", "status=hold", "replace", "Paid ones")), "/admin/orders?status=hold")
		if views() != 1 || s.count(t, "saved_views WHERE query = 'status=hold'") != 1 {
			t.Error("it was not replaced")
		}
		s.staff(t, clerkEmail, models.RoleClerk)
		other := s.signedIn(t, clerkEmail)
		if strings.Contains(other.get("/admin/orders").Body.String(), "Paid ones") {
			t.Error("everybody sees it")
		}
		mine, err := models.NewSavedViews(s.DB).Of(t.Context(), s.staffID(ownerEmail))
		if err != nil || len(mine) != 1 {
			t.Fatal(mine, err)
		}
		path := to + "/1/delete"
		wantAway(t, other.post(path, nil), "/admin/orders")
		if views() != 1 {
			t.Error("another deleted it")
		}
		wantAway(t, s.w.post(path, nil), "/admin/orders")
		if views() != 0 {
			t.Error("it is still there")
		}
		wantAway(t, s.w.post(path, nil), "/admin/orders")
		want(t, s.w.post(to+"/x/delete", nil), http.StatusNotFound)
	})
}

func (s *desk) staffID(email string) int64 {
	s.t.Helper()
	m, err := s.pages.Staff.ByEmail(s.t.Context(), email)
	if err != nil {
		s.t.Fatal(err)
	}
	return m.ID
}
