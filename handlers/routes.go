// Package handlers turns requests into calls and results into pages. This file
// is the only list of addresses; each room has a folder of its own.
package handlers

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"till/cashier"
	"till/handlers/admin"
	"till/handlers/callbacks"
	"till/handlers/shop"
	"till/handlers/web"
	"till/models"
	"till/providers"
	"till/static"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// Deps is everything the handlers need. All fields but Offers, Hold and
// Proxies are required.
type Deps struct {
	Log     *slog.Logger
	DB      *models.DB
	Cashier *cashier.Cashier
	Assets  *static.Set
	Shop    web.Shop
	Offers  []admin.Offer    // every provider that can be set up; may be nil
	Hold    cashier.HoldRule // as the cashier has it; "" is its default
	Secret  providers.Secret // what every key of ours is made from
	NewID   func() string    // random, unguessable, letters and digits
	Proxies []string         // addresses and networks whose X-Forwarded-For is believed
}

// New returns every address of Till.
func New(d Deps) (http.Handler, error) {
	hashKey, err := d.key("visit cookie, signature", 32)
	if err != nil {
		return nil, err
	}
	blockKey, err := d.key("visit cookie, seal", 32)
	if err != nil {
		return nil, err
	}
	sealKey, err := d.key("staff, seal", 32)
	if err != nil {
		return nil, err
	}
	seal, err := admin.NewSeal(sealKey)
	if err != nil {
		return nil, err
	}
	d.Shop.Live = d.DB.Known
	products, orders, payments := models.NewProducts(d.DB), models.NewOrders(d.DB), models.NewPayments(d.DB)
	deliveries := models.NewDeliveries(d.DB)
	front := shop.Pages{
		Log: d.Log, Shop: d.Shop, Assets: d.Assets, Visits: web.NewVisits(hashKey, blockKey, d.Shop.Secure()),
		DB: d.DB, Products: products, Orders: orders, Payments: payments, Cashier: d.Cashier, NewID: d.NewID,
	}
	office := admin.Pages{
		Log: d.Log, Shop: d.Shop, DB: d.DB, Assets: d.Assets, Sessions: admin.NewSessions(models.NewStaffSessions(d.DB), d.Shop.Secure()),
		Seal: seal, Drafts: admin.NewDrafts(seal), Staff: models.NewStaff(d.DB), Throttles: models.NewThrottles(d.DB), Orders: orders, Payments: payments,
		Deliveries: deliveries, Mails: models.NewMails(d.DB), Inbox: models.NewInbox(d.DB), Products: products, Pictures: models.NewPictures(d.DB), Cashier: d.Cashier, Offers: d.Offers, Hold: d.Hold,
	}
	bells := callbacks.Callbacks{Log: d.Log, Provider: d.Cashier.Provider, Keeper: deliveries}

	r := gin.New()
	if err := r.SetTrustedProxies(d.Proxies); err != nil {
		return nil, fmt.Errorf("handlers: %w", err)
	}
	r.RemoteIPHeaders = []string{"X-Forwarded-For"} // gin would believe X-Real-IP too, which a proxy may pass on
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash, r.RedirectFixedPath = true, false
	inShop := web.Room{Log: d.Log, Problem: front.Problem}
	inOffice := web.Room{Log: d.Log, Problem: office.Problem}
	anywhere := web.Room{Log: d.Log, Problem: func(c *gin.Context, status int) templ.Component {
		if strings.HasPrefix(c.Request.URL.Path, "/admin") {
			return office.Problem(c, status)
		}
		return front.Problem(c, status)
	}}
	machine := web.Room{Log: d.Log}

	r.Use(
		web.Identify(), web.AccessLog(d.Log, d.DB.Now), web.Recover(anywhere), web.Headers(d.Shop.Secure(), d.pageOrigins()),
		web.SameOrigin(anywhere, "POST /return/{payment}/{outcome}"),
	)
	r.NoRoute(anywhere.Handle(func(*gin.Context) error { return models.ErrNotFound }))
	r.NoMethod(anywhere.Handle(func(*gin.Context) error { return web.ErrMethod }))

	files := gin.WrapH(d.Assets.Handler())
	r.GET(static.Prefix+"*file", files)
	r.HEAD(static.Prefix+"*file", files)
	r.GET("/-/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	r.GET("/-/ready", machine.Handle(d.ready))

	r.GET("/", inShop.Handle(front.Home))
	r.GET("/products/:slug", inShop.Handle(front.Product))
	r.POST("/currency", inShop.Handle(front.Currency))
	r.GET("/cart", inShop.Handle(front.Cart))
	r.POST("/cart/lines", inShop.Handle(front.AddLine))
	r.POST("/cart/lines/:product", inShop.Handle(front.SetLine))
	r.GET("/checkout", inShop.Handle(front.Checkout))
	r.POST("/checkout", inShop.Handle(front.Submit))
	r.GET("/return/:payment/:outcome", inShop.Handle(front.Return))
	r.POST("/return/:payment/:outcome", inShop.Handle(front.Return))
	r.GET("/orders/:token", inShop.Handle(front.Order))
	r.POST("/orders/:token/payments", inShop.Handle(front.Pay))
	r.POST("/orders/:token/cancel", inShop.Handle(front.Cancel))
	r.GET("/orders/:token/receipt", inShop.Handle(front.Receipt))

	r.GET("/pictures/:digest", inShop.Handle(office.Picture))
	r.HEAD("/pictures/:digest", inShop.Handle(office.Picture))

	r.POST("/callbacks/:provider", machine.Handle(bells.Receive))
	r.POST("/callbacks/:provider/:secret", machine.Handle(bells.Receive))

	r.GET("/admin/login", inOffice.Handle(office.LoginForm))
	r.POST("/admin/login", inOffice.Handle(office.Login))
	r.GET("/admin/login/code", inOffice.Handle(office.LoginCode))
	r.POST("/admin/login/code", inOffice.Handle(office.CheckCode))
	r.GET("/admin/invitations/:token", inOffice.Handle(office.Invitation))
	r.POST("/admin/invitations/:token", inOffice.Handle(office.AcceptInvitation))
	staff := r.Group("/admin", office.Guard())
	staff.GET("", inOffice.Handle(office.Overview))
	staff.POST("/logout", inOffice.Handle(office.Logout))
	staff.GET("/orders", inOffice.Handle(office.List))
	staff.GET("/orders.csv", inOffice.Handle(office.ExportOrders))
	staff.POST("/orders/views", inOffice.Handle(office.SaveView))
	staff.POST("/orders/views/:view/delete", inOffice.Handle(office.DeleteView))
	staff.POST("/orders/bulk", inOffice.Handle(office.Bulk))
	staff.POST("/orders/bulk/confirm", inOffice.Handle(office.BulkConfirm))
	staff.GET("/orders/:number", inOffice.Handle(office.Order))
	staff.POST("/orders/:number/payments/:payment/settle", inOffice.Handle(office.Settle))
	staff.GET("/orders/:number/refunds", inOffice.Handle(office.AskRefund))
	staff.POST("/orders/:number/refunds", inOffice.Handle(office.Refund))
	staff.POST("/orders/:number/refunds/preview", inOffice.Handle(office.PreviewRefund))
	for _, verb := range []page.Verb{page.VerbCapture, page.VerbVoid, page.VerbReverse} {
		staff.GET("/orders/:number/"+string(verb), inOffice.Handle(office.AskAct(verb)))
		staff.POST("/orders/:number/"+string(verb), inOffice.Handle(office.Act(verb)))
	}
	for _, verb := range []page.Verb{page.VerbReceived, page.VerbCancel} {
		staff.GET("/orders/:number/"+string(verb), inOffice.Handle(office.AskAct(verb)))
		staff.POST("/orders/:number/"+string(verb), inOffice.Handle(office.Close(verb)))
	}
	for _, verb := range []page.Verb{page.VerbRepeat, page.VerbForget} {
		staff.GET("/orders/:number/operations/:operation/"+string(verb), inOffice.Handle(office.AskDecide(verb)))
		staff.POST("/orders/:number/operations/:operation/"+string(verb), inOffice.Handle(office.Decide(verb)))
	}
	staff.POST("/orders/:number/notes", inOffice.Handle(office.Note))
	staff.POST("/orders/:number/recompute", inOffice.Handle(office.Recompute))
	staff.POST("/orders/:number/mails/:mail/resend", inOffice.Handle(office.Resend))
	staff.POST("/orders/:number/pack", inOffice.Handle(office.Pack))
	staff.POST("/orders/:number/unpack", inOffice.Handle(office.Unpack))
	staff.GET("/orders/:number/ship", inOffice.Handle(office.AskShip))
	staff.POST("/orders/:number/ship", inOffice.Handle(office.Ship))
	staff.POST("/orders/:number/unship", inOffice.Handle(office.Unship))
	staff.GET("/orders/:number/documents/:document", inOffice.Handle(office.Document))
	staff.GET("/orders/:number/packing-slip", inOffice.Handle(office.PackingSlip))
	staff.GET("/approvals", inOffice.Handle(office.Approvals))
	staff.GET("/approvals/:approval", inOffice.Handle(office.Approval))
	staff.POST("/approvals/:approval/approve", inOffice.Handle(office.Approve))
	staff.POST("/approvals/:approval/decline", inOffice.Handle(office.Decline))
	staff.POST("/approvals/:approval/withdraw", inOffice.Handle(office.Withdraw))
	staff.GET("/payments", inOffice.Handle(office.PaymentList))
	staff.GET("/refunds", inOffice.Handle(office.RefundList))
	staff.GET("/products", inOffice.Handle(office.Shelf))
	staff.GET("/products/new", inOffice.Handle(office.NewProduct))
	staff.POST("/products/new", inOffice.Handle(office.AddProduct))
	staff.GET("/products/:id", inOffice.Handle(office.Product))
	staff.POST("/products/:id", inOffice.Handle(office.ChangeProduct))
	staff.POST("/products/:id/archive", inOffice.Handle(office.ArchiveProduct(true)))
	staff.POST("/products/:id/restore", inOffice.Handle(office.ArchiveProduct(false)))
	staff.POST("/products/:id/up", inOffice.Handle(office.MoveProduct(true)))
	staff.POST("/products/:id/down", inOffice.Handle(office.MoveProduct(false)))
	staff.POST("/products/:id/picture", inOffice.Handle(office.SetPicture))
	staff.POST("/products/:id/picture/remove", inOffice.Handle(office.RemovePicture))
	staff.GET("/settings", inOffice.Handle(office.Settings))
	staff.POST("/settings", inOffice.Handle(office.SaveSettings))
	staff.POST("/settings/logo", inOffice.Handle(office.SetLogo))
	staff.POST("/settings/logo/remove", inOffice.Handle(office.RemoveLogo))
	staff.GET("/inbox", inOffice.Handle(office.Waiting))
	staff.GET("/inbox/:item", inOffice.Handle(office.Item))
	staff.POST("/inbox/:item/accept", inOffice.Handle(office.Accept))
	staff.POST("/inbox/:item/attach", inOffice.Handle(office.Attach))
	staff.GET("/deliveries", inOffice.Handle(office.Wires))
	staff.GET("/deliveries/:id", inOffice.Handle(office.Wire))
	staff.POST("/deliveries/:id/redeliver", inOffice.Handle(office.Redeliver))
	staff.GET("/providers", inOffice.Handle(office.Lines))
	staff.POST("/providers/:provider/test", inOffice.Handle(office.TestLine))
	staff.GET("/staff", inOffice.Handle(office.Members))
	staff.GET("/staff/:member", inOffice.Handle(office.Member))
	staff.POST("/staff/:member/role", inOffice.Handle(office.SetRole))
	staff.POST("/staff/:member/disable", inOffice.Handle(office.Disable))
	staff.POST("/staff/:member/enable", inOffice.Handle(office.Enable))
	staff.POST("/staff/:member/reset", inOffice.Handle(office.ResetFactor))
	staff.POST("/staff/invitations", inOffice.Handle(office.Invite))
	staff.POST("/staff/invitations/:invitation/revoke", inOffice.Handle(office.RevokeInvitation))
	staff.GET("/account", inOffice.Handle(office.Account))
	staff.POST("/account/name", inOffice.Handle(office.Rename))
	staff.POST("/account/password", inOffice.Handle(office.ChangePassword))
	staff.POST("/account/sessions/end", inOffice.Handle(office.EndSession))
	staff.POST("/account/sessions/end-others", inOffice.Handle(office.EndOtherSessions))
	staff.GET("/account/second-factor", inOffice.Handle(office.Factor))
	staff.POST("/account/second-factor", inOffice.Handle(office.BeginFactor))
	staff.POST("/account/second-factor/confirm", inOffice.Handle(office.ConfirmFactor))
	staff.POST("/account/second-factor/off", inOffice.Handle(office.StopFactor))
	staff.POST("/account/second-factor/codes", inOffice.Handle(office.RenewCodes))
	staff.GET("/audit", inOffice.Handle(office.Audit))
	staff.POST("/audit/export", inOffice.Handle(office.ExportAudit))
	staff.GET("/closes", inOffice.Handle(office.Closes))
	staff.POST("/closes/check", inOffice.Handle(office.CheckCloses))
	staff.POST("/closes/export", inOffice.Handle(office.ExportCloses))
	staff.GET("/closes/:day", inOffice.Handle(office.CloseOf))
	staff.POST("/closes/:day/export", inOffice.Handle(office.ExportDay))
	staff.GET("/statements", inOffice.Handle(office.Statements))
	staff.POST("/statements", inOffice.Handle(office.SendStatement))
	staff.GET("/statements/uploads/:upload", inOffice.Handle(office.AskMapping))
	staff.POST("/statements/uploads/:upload", inOffice.Handle(office.ReadStatement))
	staff.POST("/statements/uploads/:upload/forget", inOffice.Handle(office.ForgetUpload))
	staff.GET("/statements/:id", inOffice.Handle(office.Statement))
	staff.GET("/statements/:id/remove", inOffice.Handle(office.AskRemoveStatement))
	staff.POST("/statements/:id/remove", inOffice.Handle(office.RemoveStatement))
	staff.POST("/statements/:id/export", inOffice.Handle(office.ExportStatement))
	office.Drafts.Know(r.Routes()) // when all of them are there
	return r, nil
}

// ready reports whether orders can be taken: the database reads and writes.
func (d Deps) ready(c *gin.Context) error {
	if err := d.DB.Ping(c.Request.Context()); err != nil {
		return err
	}
	c.String(http.StatusOK, "ready\n")
	return nil
}

// key makes one key of ours out of the secret. Keys of different purposes say
// nothing about each other.
func (d Deps) key(purpose string, length int) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, []byte(d.Secret), nil, "till "+purpose, length)
	if err != nil {
		return nil, fmt.Errorf("handlers: key for %s: %w", purpose, err)
	}
	return key, nil
}

// pageOrigins is where forms of ours may lead after their answer.
func (d Deps) pageOrigins() []string {
	var all []string
	for _, p := range d.Cashier.Providers() {
		all = append(all, p.PageOrigins()...)
	}
	return all
}
