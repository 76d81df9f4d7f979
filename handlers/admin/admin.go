// Package admin is where staff come in: login, the list of orders, one order and
// what may be done about its money, and the inbox.
package admin

import (
	"log/slog"
	"net/http"
	"time"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/views/ui"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// Pages is every page of the dashboard. All fields but Offers and Hold
// are required.
type Pages struct {
	Log        *slog.Logger
	Shop       web.Shop
	DB         *models.DB
	Assets     ui.Assets
	Sessions   *Sessions
	Seal       *Seal
	Drafts     *Drafts
	Staff      *models.StaffMembers
	Throttles  *models.Throttles
	Orders     *models.Orders
	Payments   *models.Payments
	Deliveries *models.Deliveries
	Mails      *models.Mails
	Inbox      *models.Inbox
	Products   *models.Products
	Pictures   *models.Pictures
	Cashier    *cashier.Cashier
	Offers     []Offer          // every provider that can be set up; may be nil
	Hold       cashier.HoldRule // as the cashier has it; "" is its default
}

const (
	ordersURL = "/admin/orders"
	loginURL  = "/admin/login"
	codeURL   = loginURL + "/code"
	logoutURL = "/admin/logout"
)

// clock writes times as somebody reads them who opens a page now.
type clock struct {
	now  time.Time
	zone *time.Location
}

func (h Pages) clock() clock { return clock{h.Payments.Now(), h.Shop.Now().Location} }

func (k clock) at(t time.Time) page.When { return page.At(t, k.now, k.zone) }

// maybe is at for a time that may not have come.
func (k clock) maybe(t *time.Time) page.When {
	if t == nil {
		return page.When{}
	}
	return k.at(*t)
}

// outside is the frame of a page for nobody in particular.
func (h Pages) outside() page.Frame {
	return page.Frame{Frame: ui.Frame{ShopName: h.Shop.Now().Name, Assets: h.Assets, Demo: h.Shop.Demo}}
}

// inside is the frame of a page for who is signed in.
func (h Pages) inside(c *gin.Context) (page.Frame, error) {
	f := h.outside()
	f.Email = member(c).Email
	needy, err := h.Orders.Needy(c.Request.Context())
	if err != nil {
		return f, err
	}
	items, err := h.Inbox.Count(c.Request.Context())
	f.Waiting, f.Inbox = int(needy), int(items)
	return f, err
}

// frame is inside with what is to be said once. Call it last: the sentence is
// gone afterwards.
func (h Pages) frame(c *gin.Context) (page.Frame, error) {
	f, err := h.inside(c)
	if err != nil {
		return f, err
	}
	said, err := h.Sessions.takeSaid(c.Request, c.Writer)
	f.Flash, f.Alarm = said.text, said.alarm
	f.Recovered = c.GetBool(draftTaken)
	return f, err
}

// Problem is the page for an error. When it is our fault it asks the database
// nothing more, and shows no count that it cannot know.
func (h Pages) Problem(c *gin.Context, status int) templ.Component {
	p := page.Problem{Frame: h.outside(), Status: status, Code: web.RequestID(c)}
	if status < http.StatusInternalServerError && member(c).ID != 0 {
		if f, err := h.inside(c); err == nil {
			p.Frame = f
		}
	}
	p.Title, p.Text = explain(c, status)
	return page.ProblemPage(p)
}

// explain says what went wrong, and what to do about it.
func explain(c *gin.Context, status int) (title, text string) {
	switch status {
	case http.StatusBadRequest:
		return "We could not read that", "Your browser sent something that we do not understand. Nothing was changed. Go back and try again."
	case http.StatusForbidden:
		return forbidden(c)
	case http.StatusNotFound:
		if c.FullPath() == ordersURL+"/:number" {
			return "There is no such order", "No order has this number. It may be a slip in the address."
		}
		if c.FullPath() == invitationURL+":token" {
			return "This invitation is over", "It was used already, taken back, or is older than a week. Ask whoever invited you for another one."
		}
		return "There is no such page", "Nothing is kept at this address. It may be a slip in it."
	case http.StatusMethodNotAllowed:
		return "That is not possible here", "This address does not do that. Nothing was changed."
	case http.StatusRequestEntityTooLarge:
		return "That was too much", "What your browser sent is longer than this page takes. Nothing was changed."
	case http.StatusTooManyRequests:
		return "Too many at once", "More people are signing in than we can check at the same time. Try again in a moment."
	case http.StatusServiceUnavailable:
		return "The shop is busy", "The database did not answer. Nothing that was saved is lost. Try again in a moment."
	default:
		return "Something went wrong here", "It is our mistake, and it is in the log. Try again; when it stays, tell whoever runs this shop."
	}
}
