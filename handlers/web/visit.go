package web

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"till/money"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/sessions"
)

const (
	cookieLife   = 30 * 24 * time.Hour
	visitKey     = "visit"
	maxCartLines = 50
	maxOrders    = 5
	// MaxQuantity is the most pieces of one product in a cart.
	MaxQuantity = 99
)

// Visit is what a shopper's browser keeps for us, sealed: nothing of it is in
// the database before an order is placed.
type Visit struct {
	Currency money.Currency `json:"c,omitempty"`
	Cart     []CartLine     `json:"l,omitempty"`
	Form     string         `json:"k,omitempty"` // key of the checkout form for this cart; changes with the cart
	Orders   []string       `json:"o,omitempty"` // tokens of the orders placed here, newest first
	Flash    string         `json:"f,omitempty"` // one sentence for the next page
}

// CartLine is one product in a cart.
type CartLine struct {
	ProductID int64 `json:"p"`
	Quantity  int64 `json:"q"`
}

// Pieces is how many things are in the cart.
func (v Visit) Pieces() (n int) {
	for _, l := range v.Cart {
		n += int(l.Quantity)
	}
	return n
}

// Set makes the cart hold so many of a product; 0 takes it out. ok is false
// when the cart has no room for another line. A changed cart is another
// checkout.
func (v *Visit) Set(product, quantity int64) (ok bool) {
	i := slices.IndexFunc(v.Cart, func(l CartLine) bool { return l.ProductID == product })
	switch {
	case i < 0 && quantity <= 0, i >= 0 && v.Cart[i].Quantity == quantity:
		return true
	case i < 0 && len(v.Cart) >= maxCartLines:
		return false
	case i < 0:
		v.Cart = append(v.Cart, CartLine{product, quantity})
	case quantity <= 0:
		v.Cart = slices.Delete(v.Cart, i, i+1)
	default:
		v.Cart[i].Quantity = quantity
	}
	v.Form = rand.Text()
	return true
}

// Quantity is how many of a product are in the cart.
func (v Visit) Quantity(product int64) int64 {
	for _, l := range v.Cart {
		if l.ProductID == product {
			return l.Quantity
		}
	}
	return 0
}

// Ordered remembers an order placed from this browser.
func (v *Visit) Ordered(token string) {
	v.Orders = slices.DeleteFunc(v.Orders, func(t string) bool { return t == token })
	v.Orders = append([]string{token}, v.Orders...)
	if len(v.Orders) > maxOrders {
		v.Orders = v.Orders[:maxOrders]
	}
}

// Bought empties the cart after its order was paid.
func (v *Visit) Bought() { v.Cart, v.Form = nil, "" }

// Visits reads and writes the shopper's cookie.
type Visits struct {
	store *sessions.CookieStore
	name  string
}

// NewVisits returns visits signed with hashKey (32 or 64 bytes) and sealed with
// blockKey (32 bytes).
func NewVisits(hashKey, blockKey []byte, secure bool) *Visits {
	store := sessions.NewCookieStore(hashKey, blockKey)
	store.Options = &sessions.Options{Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	store.MaxAge(int(cookieLife.Seconds()))
	name := "till"
	if secure {
		name = "__Host-till"
	}
	return &Visits{store, name}
}

// Get returns the visit of a browser. A new browser, and one with a cookie that
// we cannot read, has an empty one.
func (v *Visits) Get(c *gin.Context) Visit {
	var visit Visit
	sess, _ := v.store.Get(c.Request, v.name) // with an unreadable cookie, Get answers with a fresh session
	if raw, ok := sess.Values[visitKey].(string); ok {
		if err := json.Unmarshal([]byte(raw), &visit); err != nil {
			return Visit{}
		}
	}
	return visit
}

// Save writes the visit. Call it before anything of the answer is written.
func (v *Visits) Save(c *gin.Context, visit Visit) error {
	raw, err := json.Marshal(visit)
	if err != nil {
		return err
	}
	sess, _ := v.store.Get(c.Request, v.name)
	sess.Values[visitKey] = string(raw)
	return v.store.Save(c.Request, c.Writer, sess)
}
