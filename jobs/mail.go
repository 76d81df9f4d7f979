package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/riverqueue/river"

	"till/cashier"
	"till/models"
	"till/money"
	"till/views/mail"
)

// locale is how amounts are written in mails.
const locale = "en"

// Shop is what a mail says about the shop.
type Shop struct {
	Name      string
	Contact   string // e-mail address that shoppers can write to; may be empty
	PublicURL string // without a slash at the end
	Location  *time.Location
}

// letter is a mail as it is sent.
type letter struct {
	id                string // the same each time that it is tried, another one when staff have it sent once more
	to, subject, text string
	html              string // "" where only the text was kept
	at                time.Time
}

type sender interface {
	send(ctx context.Context, l letter) error
}

// mailWorker writes a mail from the rows and sends it. The text is kept before
// it is sent, and what is kept is what is sent, however often it is tried and
// whatever becomes of the rows meanwhile.
type mailWorker struct {
	river.WorkerDefaults[sendMail]
	mails  *models.Mails
	orders *models.Orders
	label  func(provider string) string
	shop   Shop
	live   func() models.Settings
	post   sender // nil: mails are kept and not sent
	log    *slog.Logger
}

// now is the shop as its settings are now; where there are none it is as the
// program was started.
func (w *mailWorker) now() Shop {
	shop, set := w.shop, w.live()
	if set.ID == 0 {
		return shop
	}
	shop.Name, shop.Contact = set.ShopName, set.Contact
	if zone, err := models.Zone(set.TimeZone); err == nil {
		shop.Location = zone
	}
	return shop
}

// labels names providers as people know them. One that is not set up any more
// has no label.
func labels(c *cashier.Cashier) func(string) string {
	return func(provider string) string {
		if p, ok := c.Provider(provider); ok {
			return p.Label()
		}
		return ""
	}
}

// Work implements river.Worker. A mail that a server has taken is left alone.
// When the process dies between that and our writing it down, the mail is sent
// a second time, under the same Message-ID.
func (w *mailWorker) Work(ctx context.Context, job *river.Job[sendMail]) error {
	m, err := w.mails.ByID(ctx, job.Args.MailID)
	if err != nil || m.SentAt != nil {
		return err
	}
	order, err := w.orders.ByNumber(ctx, m.OrderID)
	if err != nil {
		return err
	}
	if m.Kind == models.MailShipped && order.ShippedAt == nil && m.Subject == "" { // undone since it was asked for
		return w.wait(m)
	}
	l, err := w.write(ctx, m, order)
	if err != nil {
		return fmt.Errorf("jobs: write mail %d: %w", m.ID, err)
	}
	if m.Subject == "" {
		if err := w.mails.Written(ctx, m.ID, l.subject, l.text); err != nil {
			return err
		}
		if m, err = w.mails.ByID(ctx, m.ID); err != nil { // somebody else may have been quicker
			return err
		}
	}
	if l.subject != m.Subject || l.text != m.Body {
		l.subject, l.text, l.html = m.Subject, m.Body, "" // the rows have changed, and only the text was kept
	}
	if w.post == nil {
		return nil
	}
	err = w.post.send(ctx, l)
	if err != nil {
		if kept := w.mails.NotSent(context.WithoutCancel(ctx), m.ID, errors.Is(err, errRecipient)); kept != nil {
			w.log.WarnContext(ctx, "mail not counted", "mail_id", m.ID, "err", kept)
		}
	}
	if errors.Is(err, errRecipient) {
		w.log.WarnContext(ctx, "mail refused", "mail_id", m.ID, "order", m.OrderID, "err", err)
		return river.JobCancel(err) // the same address will not be there tomorrow either
	}
	if err != nil {
		return fmt.Errorf("jobs: send mail %d: %w", m.ID, err)
	}
	return w.mails.Sent(ctx, m.ID)
}

// wait puts a mail off that is about what is not so just now. When it is so
// again, the mail is written; when it stays like this, never.
func (w *mailWorker) wait(m models.Mail) error {
	if w.mails.Now().Sub(m.CreatedAt) > models.UnshipFor {
		return river.JobCancel(errUndone)
	}
	return river.JobSnooze(undoneGap)
}

var errUndone = errors.New("what the mail tells of was taken back")

// undoneGap is how long a mail waits for what was taken back to be done again.
const undoneGap = 15 * time.Minute

func (w *mailWorker) write(ctx context.Context, m models.Mail, d models.OrderDetail) (letter, error) {
	page, err := w.page(m, d)
	if err != nil {
		return letter{}, err
	}
	name := fmt.Sprintf("order-%s-%s", d.Number(), m.Kind)
	if m.OperationID != nil {
		name += fmt.Sprintf("-%d", *m.OperationID)
	}
	at, times := sentAgain(m, d)
	if times > 0 { // a mail program that has the first one would drop it
		name += fmt.Sprintf("-again-%d", times)
	}
	var html strings.Builder
	if err := page.HTML().Render(ctx, &html); err != nil {
		return letter{}, err
	}
	return letter{
		id: name + "@" + w.host(), to: m.Recipient, at: at,
		subject: page.Subject(), text: page.Text(), html: html.String(),
	}, nil
}

// sentAgain is how often staff had a mail sent once more, and when it was asked for
// the last time.
func sentAgain(m models.Mail, d models.OrderDetail) (at time.Time, times int) {
	at = m.CreatedAt
	for _, e := range d.Events {
		if e.Kind == models.EventMailAgain && e.FromState == strconv.FormatInt(m.ID, 10) {
			at, times = e.At, times+1
		}
	}
	return at, times
}

// page is what a mail says.
type page interface {
	Subject() string
	Text() string
	HTML() templ.Component
}

func (w *mailWorker) page(m models.Mail, d models.OrderDetail) (page, error) {
	switch m.Kind {
	case models.MailOrderPaid:
		return w.orderPaid(d)
	case models.MailShipped:
		return w.shipped(d), nil
	case models.MailRefunded:
		for _, op := range d.Operations {
			if m.OperationID != nil && op.ID == *m.OperationID {
				return w.refunded(d, op), nil
			}
		}
	}
	return nil, fmt.Errorf("nobody knows how to write %q", m.Kind)
}

// refunded is the mail that tells of a refund, from the order's rows.
func (w *mailWorker) refunded(d models.OrderDetail, op models.Operation) mail.Refunded {
	page := mail.Refunded{
		ShopName: w.now().Name, Contact: w.now().Contact, Number: d.Number(), Name: d.Name, Amount: op.Amount.Format(locale), OrderURL: w.orderURL(d),
	}
	left := money.Amount{Currency: d.Total.Currency}
	for _, p := range d.Payments {
		left.Minor += p.Captured - p.Refunded
		if p.ID == op.PaymentID && op.Code == "" {
			page.Provider = w.label(p.Provider)
		}
	}
	if left.Minor > 0 {
		page.Left = left.Format(locale)
	}
	return page
}

// shipped is the mail that says that an order has left, from its rows.
func (w *mailWorker) shipped(d models.OrderDetail) mail.Shipped {
	page := mail.Shipped{
		ShopName: w.now().Name, Contact: w.now().Contact, Number: d.Number(), Name: d.Name, Carrier: d.Carrier, Tracking: d.Tracking,
		Address: addressLines(d.Address), OrderURL: w.orderURL(d),
	}
	for _, l := range d.Lines {
		page.Lines = append(page.Lines, mail.Line{Name: l.Name, Quantity: int(l.Quantity)})
	}
	return page
}

func (w *mailWorker) orderURL(d models.OrderDetail) string {
	return w.shop.PublicURL + "/orders/" + url.PathEscape(d.Token)
}

// orderPaid is the mail that confirms a paid order, from its rows.
func (w *mailWorker) orderPaid(d models.OrderDetail) (mail.OrderPaid, error) {
	page := mail.OrderPaid{
		ShopName: w.now().Name, Contact: w.now().Contact, Number: d.Number(), Name: d.Name, Total: d.Total.Format(locale),
		Address: addressLines(d.Address), OrderURL: w.orderURL(d),
	}
	if d.PaidAt != nil {
		page.PaidAt = d.PaidAt.In(w.now().Location).Format("Monday 2 January 2006, 15:04")
	}
	received := money.Amount{Currency: d.Total.Currency}
	for _, p := range d.Payments {
		if p.State != models.PaymentPaid {
			continue
		}
		received.Minor += p.Captured
		if page.Provider == "" && !p.Outside {
			page.Provider = w.label(p.Provider)
		}
	}
	if received.Minor > 0 && received.Minor < d.Total.Minor {
		page.Received = received.Format(locale)
	}
	for _, l := range d.Lines {
		total, err := d.Unit(l).Mul(l.Quantity)
		if err != nil {
			return page, err
		}
		page.Lines = append(page.Lines, mail.Line{Name: l.Name, Quantity: int(l.Quantity), Total: total.Format(locale)})
	}
	return page, nil
}

func addressLines(a models.Address) []string {
	var lines []string
	for _, s := range []string{a.Line1, a.Line2, strings.Join(strings.Fields(a.City+" "+a.Postcode), " "), a.Region, a.Country} {
		if s != "" {
			lines = append(lines, s)
		}
	}
	return lines
}

func (w *mailWorker) host() string {
	u, err := url.Parse(w.shop.PublicURL)
	if err != nil || u.Hostname() == "" {
		return "till.invalid"
	}
	return u.Hostname()
}
