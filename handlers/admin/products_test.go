package admin

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"till/handlers/web"
	"till/models"
)

// shopkeeper is somebody at the rooms of what is for sale and of the settings.
type shopkeeper struct {
	*bench
	t *testing.T
	w *browser
}

// keepers runs a test on both databases, with the owner signed in.
func keepers(t *testing.T, test func(t *testing.T, s *shopkeeper)) {
	t.Helper()
	each(t, func(t *testing.T, b *bench) {
		b.pages.DB, b.pages.Pictures = b.DB, models.NewPictures(b.DB)
		b.pages.Shop.Live = b.DB.Known
		b.engine = engine(t, b.pages)
		rooms(b.engine, b.pages)
		test(t, &shopkeeper{b, t, b.signedIn(t, ownerEmail)})
	})
}

// rooms has the two rooms at their addresses.
func rooms(r *gin.Engine, h Pages) {
	room := web.Room{Log: h.Log, Problem: h.Problem}
	r.GET("/pictures/:digest", room.Handle(h.Picture))
	staff := r.Group("/admin", h.Guard())
	staff.GET("/products", room.Handle(h.Shelf))
	staff.GET("/products/new", room.Handle(h.NewProduct))
	staff.POST("/products/new", room.Handle(h.AddProduct))
	staff.GET("/products/:id", room.Handle(h.Product))
	staff.POST("/products/:id", room.Handle(h.ChangeProduct))
	staff.POST("/products/:id/archive", room.Handle(h.ArchiveProduct(true)))
	staff.POST("/products/:id/restore", room.Handle(h.ArchiveProduct(false)))
	staff.POST("/products/:id/up", room.Handle(h.MoveProduct(true)))
	staff.POST("/products/:id/down", room.Handle(h.MoveProduct(false)))
	staff.POST("/products/:id/picture", room.Handle(h.SetPicture))
	staff.POST("/products/:id/picture/remove", room.Handle(h.RemovePicture))
	staff.GET("/settings", room.Handle(h.Settings))
	staff.POST("/settings", room.Handle(h.SaveSettings))
	staff.POST("/settings/logo", room.Handle(h.SetLogo))
	staff.POST("/settings/logo/remove", room.Handle(h.RemoveLogo))
}

// rows are those that these rooms may write.
func (s *shopkeeper) rows() string {
	s.t.Helper()
	var b strings.Builder
	for _, table := range []string{"products", "prices", "pictures", "settings", "audit WHERE action LIKE 'product%' OR action = 'settings_saved'"} {
		fmt.Fprintf(&b, "%s %d, ", table, s.count(s.t, table))
	}
	return b.String()
}

// refuses checks an answer, and that nothing was written.
func (s *shopkeeper) refuses(before string, got *httptest.ResponseRecorder, status int, texts ...string) {
	s.t.Helper()
	want(s.t, got, status, texts...)
	if after := s.rows(); after != before {
		s.t.Errorf("it was refused and changed something:\nbefore %s\nafter  %s", before, after)
	}
}

// sends posts a file.
func (s *shopkeeper) sends(w *browser, path, version string, raw []byte) *httptest.ResponseRecorder {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("version", version); err != nil {
		s.t.Fatal(err)
	}
	file, err := form.CreateFormFile("picture", "../mug.png")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := file.Write(raw); err != nil {
		s.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://shop.test"+path, &body)
	r.RemoteAddr = w.host
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	out := httptest.NewRecorder()
	w.engine.ServeHTTP(out, r)
	return out
}

func dot(t *testing.T) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	img.Set(0, 0, color.NRGBA{R: 200, A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (s *shopkeeper) product(slug string) models.Product {
	s.t.Helper()
	one, err := s.pages.Products.ByID(s.t.Context(), s.products[slug].ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return one
}

// typed is the form of a product's page as it is shown, with some of it typed
// anew.
func typedProduct(one models.Product, pairs ...string) url.Values {
	f := url.Values{
		"name": {one.Name}, "slug": {one.Slug}, "description": {one.Description}, "version": {fmt.Sprint(one.Version)},
		"stock": {stock(one.Stock)}, "seen": {stock(one.Stock)},
	}
	if price, ok := one.In("NZD"); ok {
		f.Set("price-NZD", price.Decimal())
	}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

func TestProducts(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		want(t, s.w.get(productsURL), http.StatusOK, "Mug", "Honey", "NZD 12.50", "not counted", "Add a product", "/up", "/down")
		want(t, s.w.get(productsURL+"?q=hon"), http.StatusOK, "Honey")
		lacks(t, s.w.get(productsURL+"?q=hon"), "NZD 12.50", "/up")
		want(t, s.w.get(productsURL+"?q=coat"), http.StatusOK, "Nothing found")
		want(t, s.w.get(productsURL+"?status=archived"), http.StatusOK, "Nothing is archived")

		want(t, s.w.get(productsURL+"/new"), http.StatusOK, "New product", `action="/admin/products/new"`)
		got := s.w.post(productsURL+"/new", url.Values{"name": {"Ākina Tea — bowl!"}, "price-NZD": {"38.00"}, "stock": {"4"}})
		want(t, got, http.StatusSeeOther)
		want(t, s.w.get(got.Header().Get("Location")), http.StatusOK, "Added: Ākina Tea — bowl!", "akina-tea-bowl", "Last changed")

		mug := s.product("mug")
		at := productURL(mug.ID)
		wantAway(t, s.w.post(at, typedProduct(mug, "name", "Big mug", "stock", "9")), at)
		want(t, s.w.get(at), http.StatusOK, "Saved: Big mug.", `value="9"`)
		if n := s.count(t, "audit WHERE action = 'product_changed' AND actor = 'staff "+ownerEmail+"' AND detail = 'name Mug → Big mug; stock not counted → 9'"); n != 1 {
			t.Errorf("%d lines in the audit", n)
		}
		wantAway(t, s.w.post(at+"/down", url.Values{"position": {"0"}}), productsURL)
		if one := s.product("mug"); one.Position != 1 {
			t.Errorf("at %d", one.Position)
		}
		s.refuses(s.rows(), s.w.post(at+"/down", url.Values{"position": {"0"}}), http.StatusConflict, "another place by now", "Honey")
		wantAway(t, s.w.post(at+"/archive", nil), at)
		want(t, s.w.get(at), http.StatusOK, "no longer sold", "Bring it back")
		want(t, s.w.get(productsURL+"?status=archived"), http.StatusOK, "Big mug")
		wantAway(t, s.w.post(at+"/restore", nil), at)
		want(t, s.w.get(productURL(999)), http.StatusNotFound)
	})
}

func TestProducts_Refuses(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		honey := s.product("honey")
		for _, tt := range []struct {
			name string
			form url.Values
			text string
		}{
			{"no name", typedProduct(honey, "name", " "), "Give it a name."},
			{"a name with a bell in it", typedProduct(honey, "name", "Ho\a"), "cannot be shown"},
			{"a long name", typedProduct(honey, "name", strings.Repeat("ü", 201)), "201 characters"},
			{"an odd address", typedProduct(honey, "slug", "Ho ney"), "single hyphens"},
			{"another one's address", typedProduct(honey, "slug", "mug"), "Another product has this address"},
			{"no price", typedProduct(honey, "price-NZD", "cheap"), "Write an amount above zero"},
			{"nothing for a price", typedProduct(honey, "price-NZD", "0.00"), "Write an amount above zero"},
			{"three decimals", typedProduct(honey, "price-NZD", "1.005"), "Write an amount above zero"},
			{"half a piece", typedProduct(honey, "stock", "1.5"), "Write a whole number"},
		} {
			tt.form.Set("description", "typed and kept")
			s.refuses(s.rows(), s.w.post(productURL(honey.ID), tt.form), http.StatusUnprocessableEntity, tt.text, "typed and kept", "There is a problem")
		}
		s.refuses(s.rows(), s.w.post(productsURL+"/new", url.Values{"name": {"Honey"}}), http.StatusUnprocessableEntity, "Another product has this address")
	})
}

// Two change one product: one wins, the other sees what there is now and keeps
// what they typed. A stock that was sold from meanwhile is not put back.
func TestProducts_TwoAtOnce(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		honey := s.product("honey")
		at := productURL(honey.ID)
		wantAway(t, s.w.post(at, typedProduct(honey, "name", "Bush honey")), at)
		got := s.w.post(at, typedProduct(honey, "name", "Rata honey", "description", "From Golden Bay."))
		s.refuses(s.rows(), got, http.StatusConflict, "Somebody else changed this product", "Bush honey", "Rata honey", "From Golden Bay.")
		again := hiddenIn(t, got, at)
		wantAway(t, s.w.post(at, typedProduct(honey, "name", "Rata honey", "version", again.Get("version"), "seen", again.Get("seen"))), at)

		pool, _, err := s.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		honey = s.product("honey")
		if _, err := pool.ExecContext(t.Context(), "UPDATE products SET stock = 3 WHERE slug = 'honey'"); err != nil { // as a sale does
			t.Fatal(err)
		}
		got = s.w.post(at, typedProduct(honey, "stock", "9"))
		s.refuses(s.rows(), got, http.StatusConflict, "There are 3 by now", `value="9"`)
		if one := s.product("honey"); *one.Stock != 3 {
			t.Fatalf("the stock is %d", *one.Stock)
		}
		wantAway(t, s.w.post(at, typedProduct(honey, "stock", "7", "seen", hiddenIn(t, got, at).Get("seen"))), at)
		if one := s.product("honey"); *one.Stock != 7 {
			t.Fatalf("the stock is %d", *one.Stock)
		}
	})
}

func TestProducts_Picture(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		mug := s.product("mug")
		at := productURL(mug.ID) + "/picture"
		version := fmt.Sprint(mug.Version)
		for _, tt := range []struct {
			name string
			raw  []byte
			text string
		}{
			{"nothing", nil, "No file was chosen"},
			{"a page", []byte("<html><script>alert(1)</script>"), "not a picture"},
			{"a drawing", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "not a picture"},
			{"half a picture", dot(t)[:40], "not a picture"},
			{"too large a file", append(dot(t), make([]byte, maxPicture)...), "larger than 5 MB"},
			{"much too large a file", make([]byte, 2*maxPicture), "larger than 5 MB"},
		} {
			s.refuses(s.rows(), s.sends(s.w, at, version, tt.raw), http.StatusUnprocessableEntity, tt.text, "still the one from before")
		}
		wantAway(t, s.sends(s.w, at, version, dot(t)), productURL(mug.ID))
		one := s.product("mug")
		if !strings.HasPrefix(one.Picture, "sha256-") || s.count(t, "pictures") != 1 {
			t.Fatal(one.Picture)
		}
		s.refuses(s.rows(), s.sends(s.w, at, version, dot(t)), http.StatusConflict, "Somebody else changed this product")
		got := s.browser().get("/pictures/" + one.Picture)
		want(t, got, http.StatusOK)
		if h := got.Header(); h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "immutable") {
			t.Errorf("%v", h)
		}
		if img, err := png.Decode(got.Body); err != nil || img.Bounds().Dx() != 3 {
			t.Errorf("%v %v", img, err)
		}
		want(t, s.browser().get("/pictures/sha256-none"), http.StatusNotFound)
		wantAway(t, s.w.post(at+"/remove", url.Values{"version": {fmt.Sprint(one.Version)}}), productURL(mug.ID))
		if one := s.product("mug"); one.Picture != "" {
			t.Error(one.Picture)
		}
	})
}

// Every action as every role.
func TestProducts_Rights(t *testing.T) {
	keepers(t, func(t *testing.T, s *shopkeeper) {
		s.staff(t, clerkEmail, models.RoleClerk)
		s.staff(t, managerEmail, models.RoleManager)
		for email, may := range map[string]bool{viewerEmail: false, clerkEmail: false, managerEmail: true, ownerEmail: true} {
			w := s.signedIn(t, email)
			mug := s.product("mug")
			at := productURL(mug.ID)
			want(t, w.get(productsURL), http.StatusOK, "Mug")
			want(t, w.get(at), http.StatusOK, "mug")
			if may {
				want(t, w.get(at), http.StatusOK, "Archive it", "Use this picture")
				wantAway(t, w.post(at, typedProduct(mug, "name", "Mug of "+email)), at)
				continue
			}
			lacks(t, w.get(at), "Archive it", "Use this picture", "<textarea")
			lacks(t, w.get(productsURL), "Add a product", "/up")
			const lack = "Whoever changes what is for sale needs the role manager or owner."
			for path, form := range map[string]url.Values{
				at: typedProduct(mug, "name", "Mine"), productsURL + "/new": {"name": {"Mine"}}, at + "/archive": nil, at + "/restore": nil,
				at + "/up": {"position": {"0"}}, at + "/down": {"position": {"0"}}, at + "/picture/remove": {"version": {"1"}},
			} {
				s.refuses(s.rows(), w.post(path, form), http.StatusForbidden, lack)
			}
			s.refuses(s.rows(), s.sends(w, at+"/picture", fmt.Sprint(mug.Version), dot(t)), http.StatusForbidden, lack)
			want(t, w.get(productsURL+"/new"), http.StatusForbidden, lack)
		}
	})
}

func TestSlugOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Tea bowl": "tea-bowl", "  Ākina — Mug! ": "akina-mug", "Käse & Brot, 100%": "kase-brot-100", "茶": "", strings.Repeat("a ", 60) + "b": "a-b", strings.Repeat("ab", 60): strings.Repeat("ab", 40),
	} {
		if got := slugOf(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
