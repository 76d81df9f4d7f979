package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"till/models"
)

// begun gives the shop its first settings.
func (s *shopkeeper) begun() models.Settings {
	s.t.Helper()
	first, err := s.DB.BeginSettings(s.t.Context(), models.Settings{ShopName: "Kauri & Clay", TimeZone: "Pacific/Auckland"}.OrDefaults())
	if err != nil {
		s.t.Fatal(err)
	}
	return first
}

// typedSettings is the form as it is shown at first, with some of it typed anew.
func typedSettings(id int64, pairs ...string) url.Values {
	f := url.Values{
		"version": {strconv.FormatInt(id, 10)}, "name": {"Kauri & Clay"}, "zone": {"Pacific/Auckland"}, "tax-rate": {"0"}, "open": {"7"}, "open-unit": {"days"},
		"keep": {"30"}, "keep-unit": {"minutes"}, "rule": {"void"}, "warning": {"3"},
	}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

func TestSettings(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		want(t, s.w.get(settingsURL), http.StatusOK, "Kauri & Clay", "Nothing so far") // before there are any
		first := s.begun()
		want(t, s.w.get(settingsURL), http.StatusOK, "Kauri & Clay", `<option value="Pacific/Auckland" selected>`, "already stay as they were cut", "The first settings.")
		wantAway(t, s.w.post(settingsURL, typedSettings(first.ID, "name", "Rata & Wool", "contact", "hello@rata.test", "address", "1 Kauri Road\r\nNelson", "tax-name", "GST",
			"tax-rate", "12.5", "zone", "Europe/Paris", "open", "36", "open-unit", "hours", "keep", "90", "keep-unit", "seconds", "rule", "keep", "warning", "5", "limit-NZD", "500")), settingsURL)
		now, err := s.DB.Current(t.Context())
		if err != nil || now.ShopName != "Rata & Wool" || now.Address != "1 Kauri Road\nNelson" || now.TaxRate != 1250 || now.TimeZone != "Europe/Paris" || now.OpenSeconds != 129600 ||
			now.KeepSeconds != 90 || now.HoldRule != "keep" || now.HoldWarning != 5 || now.Limits["NZD"] != 50000 || now.Actor != "staff "+ownerEmail {
			t.Fatalf("%+v %v", now, err)
		}
		want(t, s.w.get(settingsURL), http.StatusOK, "Saved. It counts from now on.", "name: Kauri & Clay → Rata & Wool", "refund limit: none → NZD 500.00", "staff "+ownerEmail, `value="12.5"`)
		want(t, s.w.get(ordersURL), http.StatusOK, "Rata & Wool") // on the next page of any room
	})
}

func TestSettings_Refuses(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		first := s.begun()
		for _, tt := range []struct{ field, value, text string }{
			{"name", "", "Give the shop a name."},
			{"name", strings.Repeat("a", 101), "101 characters"},
			{"contact", "Ann <ann@shop.test>", "Write one e-mail address"},
			{"tax-rate", "15.005", "at most two decimals"},
			{"tax-rate", "101", "from 0 to 100"},
			{"tax-rate", "15", "Say what the tax is called"},
			{"zone", "Local", "Choose a time zone"},
			{"zone", "Mars/Olympus", "Choose a time zone"},
			{"zone", "../../etc/passwd", "Choose a time zone"},
			{"open", "0", "at least 1"},
			{"open", "367", "366 days are the most"},
			{"open-unit", "years", "at least 1"},
			{"keep", "20000", "7 days are the most"},
			{"rule", "burn", "Choose what becomes of it"},
			{"warning", "0", "from 1 to 30"},
			{"limit-NZD", "much", "or nothing for no limit"},
		} {
			s.refuses(s.rows(), s.w.post(settingsURL, typedSettings(first.ID, tt.field, tt.value, "headline", "typed and kept")), http.StatusUnprocessableEntity, tt.text, "typed and kept", "There is a problem")
		}
	})
}

// Two save at once: one wins, the other sees what there is now.
func TestSettings_TwoAtOnce(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		first := s.begun()
		wantAway(t, s.w.post(settingsURL, typedSettings(first.ID, "headline", "Theirs")), settingsURL)
		got := s.w.post(settingsURL, typedSettings(first.ID, "headline", "Mine"))
		s.refuses(s.rows(), got, http.StatusConflict, "Somebody else changed the settings", "Theirs", "Mine")
		wantAway(t, s.w.post(settingsURL, typedSettings(first.ID+1, "headline", "Mine")), settingsURL)
		if now, err := s.DB.Current(t.Context()); err != nil || now.Headline != "Mine" {
			t.Fatalf("%+v %v", now, err)
		}
	})
}

func TestSettings_Logo(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		first := s.begun()
		version := strconv.FormatInt(first.ID, 10)
		s.refuses(s.rows(), s.sends(s.w, settingsURL+"/logo", version, []byte("no picture")), http.StatusUnprocessableEntity, "not a picture", "The logo is as it was.")
		wantAway(t, s.sends(s.w, settingsURL+"/logo", version, dot(t)), settingsURL)
		now, err := s.DB.Current(t.Context())
		if err != nil || now.Logo == "" || now.ShopName != "Kauri & Clay" {
			t.Fatalf("%+v %v", now, err)
		}
		want(t, s.w.get(settingsURL), http.StatusOK, now.Logo, "Remove the logo")
		s.refuses(s.rows(), s.sends(s.w, settingsURL+"/logo", version, dot(t)), http.StatusConflict, "Somebody else changed the settings")
		wantAway(t, s.w.post(settingsURL+"/logo/remove", url.Values{"version": {strconv.FormatInt(now.ID, 10)}}), settingsURL)
		want(t, s.w.get(settingsURL), http.StatusOK, "pages show the name instead")
	})
}

// Everybody may look; the owner may change.
func TestSettings_Rights(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		first := s.begun()
		s.staff(t, clerkEmail, models.RoleClerk)
		s.staff(t, managerEmail, models.RoleManager)
		for _, email := range []string{viewerEmail, clerkEmail, managerEmail} {
			w := s.signedIn(t, email)
			want(t, w.get(settingsURL), http.StatusOK, "Pacific/Auckland")
			lacks(t, w.get(settingsURL), "Save the settings", "<textarea", "Use this picture")
			const lack = "Whoever changes the settings of the shop needs the role owner."
			s.refuses(s.rows(), w.post(settingsURL, typedSettings(first.ID, "name", "Mine")), http.StatusForbidden, lack)
			s.refuses(s.rows(), s.sends(w, settingsURL+"/logo", "1", dot(t)), http.StatusForbidden, lack)
			s.refuses(s.rows(), w.post(settingsURL+"/logo/remove", url.Values{"version": {"1"}}), http.StatusForbidden, lack)
		}
	})
}

// What was typed about products and settings is there again after the login,
// once.
func TestDraft_ProductsAndSettings(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		s.pages.Drafts.Know(s.engine.Routes())
		first := s.begun()
		mug := s.products["mug"]
		product := url.Values{"name": {"A cup of tea"}, "slug": {"cup"}, "version": {"1"}, "price-NZD": {"7.77"}}
		for _, tt := range []struct {
			to    string
			typed url.Values
			shows []string
		}{
			{settingsURL, typedSettings(first.ID, "name", "Rata & Wool", "headline", "Warm things"), []string{`value="Rata & Wool"`, "Warm things"}},
			{productsURL + "/new", product, []string{`value="A cup of tea"`, `value="7.77"`}},
			{productURL(mug.ID), product, []string{`value="A cup of tea"`, `value="7.77"`}},
		} {
			s.Clock.Pass(idleLife)
			before := s.rows()
			got := s.w.post(tt.to, tt.typed)
			want(t, got, http.StatusUnauthorized, "Nothing was done. Sign in")
			form := hiddenIn(t, got, loginURL)
			form.Set("email", ownerEmail)
			form.Set("password", password)
			wantAway(t, s.w.post(loginURL, form), tt.to)
			want(t, s.w.get(tt.to), http.StatusOK, append([]string{unsent}, tt.shows...)...)
			lacks(t, s.w.get(tt.to), append([]string{unsent}, tt.shows...)...)
			if after := s.rows(); after != before {
				t.Errorf("%s: %s, was %s", tt.to, after, before)
			}
		}
	})
}
