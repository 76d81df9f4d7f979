package admin

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
)

const (
	clerkEmail   = "carl@shop.test"
	managerEmail = "mona@shop.test"
)

// desk is a shop with an order of NZD 25.00 at a provider that can do
// everything, and somebody at the dashboard.
type desk struct {
	*bench
	t     *testing.T
	w     *browser
	order models.Order
	pay   models.Payment
}

// desks runs a test on both databases, with the owner signed in.
func desks(t *testing.T, test func(t *testing.T, s *desk)) {
	t.Helper()
	each(t, func(t *testing.T, b *bench) {
		s := &desk{bench: b, t: t, w: b.signedIn(t, ownerEmail)}
		s.again()
		test(t, s)
	})
}

// again is another order, opened at the provider.
func (s *desk) again() *desk { return s.with(nil) }

// with is another order that change has changed, opened at the provider.
func (s *desk) with(change func(*models.Placement)) *desk {
	s.t.Helper()
	p := modelstest.Placement(s.t, s.products, "full")
	if change != nil {
		change(&p)
	}
	s.order = modelstest.Place(s.t, s.Bench, p)
	pay, err := s.pages.Cashier.Start(s.t.Context(), p.Payment.ID, models.Cause{Actor: "shopper", Source: "checkout"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.pay = pay
	return s
}

// honey is an order of two mugs and three pots of honey, of which five were
// there: NZD 54.70.
func (s *desk) honey() *desk {
	s.t.Helper()
	return s.with(func(p *models.Placement) {
		honey := s.products["honey"]
		p.Lines = append(p.Lines, models.OrderLine{ProductID: honey.ID, Slug: honey.Slug, Name: honey.Name, Picture: honey.Picture, UnitMinor: 990, Quantity: 3})
		p.Order.Total.Minor = 5470
	})
}

func (s *desk) settle() *desk {
	s.t.Helper()
	pay, err := s.pages.Cashier.Settle(s.t.Context(), s.pay.ID, models.Cause{Actor: "provider", Source: "callback 1"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.pay = pay
	return s
}

// paid has the provider take the money; minor other than 0 is another amount
// than was asked for.
func (s *desk) paid(minor int64) *desk {
	s.full.Say(s.pay.Ref, providers.Paid, minor)
	return s.settle()
}

// reserved has the provider reserve the money.
func (s *desk) reserved() *desk {
	s.full.Reserve(s.pay.Ref)
	return s.settle()
}

// unanswered asks for a refund of NZD 10.00, to which there is no answer.
func (s *desk) unanswered() models.Operation {
	s.t.Helper()
	s.breaks("refund", &providers.Error{Provider: "full", Op: "refund", Kind: providers.KindUnavailable})
	op, err := s.pages.Cashier.Do(s.t.Context(), models.Reservation{
		PaymentID: s.pay.ID, Kind: models.OperationRefund, Key: uuid.NewString(), Amount: money.Amount{Minor: 1000, Currency: "NZD"}, Note: "broken",
		Cause: models.Cause{Actor: "staff " + managerEmail, Source: "dashboard"},
	})
	if err != nil || op.State != models.OperationUnknown {
		s.t.Fatal(op, err)
	}
	return op
}

// breaks is how the next operation of a kind ends.
func (s *desk) breaks(op string, err error) {
	s.full.Mu.Lock()
	defer s.full.Mu.Unlock()
	s.full.Errs[op] = err
}

// lost is a payment of NZD 25.00 at the provider that nobody here knows, of
// which its callback told.
func (s *desk) lost(ref string) models.InboxItem {
	s.t.Helper()
	s.full.Mu.Lock()
	s.full.Books[ref] = providers.Report{Ref: ref, PaymentID: "somebody", Outcome: providers.Paid, Amount: money.Amount{Minor: 2500, Currency: "NZD"}, Word: "paid"}
	s.full.Mu.Unlock()
	id, err := s.pages.Deliveries.Receive(s.t.Context(), models.Delivery{Provider: "full", EventID: "event " + ref, Ref: ref, Body: []byte("{}")})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.pages.Deliveries.Match(s.t.Context(), id); err == nil {
		s.t.Fatal("somebody knows it")
	}
	s.Clock.Pass(time.Hour)
	if err := s.pages.Cashier.Strays(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return s.item(models.AttentionUnknownReference)
}

// item is the newest open item of a kind.
func (s *desk) item(kind models.Attention) (last models.InboxItem) {
	s.t.Helper()
	items, err := s.pages.Inbox.Open(s.t.Context(), 0, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range items {
		if i.Kind == kind {
			last = i
		}
	}
	if last.ID == 0 {
		s.t.Fatalf("no item %s in %+v", kind, items)
	}
	return last
}

func (s *desk) at(rest string) string { return orderURL(s.order.Number()) + rest }

func (s *desk) see() *httptest.ResponseRecorder { return s.w.get(s.at("")) }

// form is a form about the payment, with a key of its own.
func (s *desk) form(pairs ...string) url.Values {
	f := url.Values{"payment": {s.pay.ID}, "key": {uuid.NewString()}}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

// does sends a form and reads the sentence that the order's page says once.
func (s *desk) does(path string, form url.Values, texts ...string) {
	s.t.Helper()
	wantAway(s.t, s.w.post(s.at(path), form), s.at(""))
	want(s.t, s.see(), http.StatusOK, texts...)
}

// refuses sends a form and checks the answer, and that nothing was written and
// nobody was asked.
func (s *desk) refuses(path string, form url.Values, status int, texts ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	before := s.everything()
	got := s.w.post(path, form)
	want(s.t, got, status, texts...)
	if after := s.everything(); after != before {
		s.t.Errorf("%s was refused and changed something:\nbefore %s\nafter  %s", path, before, after)
	}
	return got
}

// everything is what may change when somebody decides about money: rows, and
// what the provider was asked.
func (s *desk) everything() string {
	s.t.Helper()
	var b strings.Builder
	for _, table := range []string{"operations", "facts", "events", "refund_lines", "stock_movements", "mails", "reports", "payments"} {
		fmt.Fprintf(&b, "%s %d, ", table, s.count(s.t, table))
	}
	for _, sum := range []string{
		"payments WHERE state IN ('paid', 'authorized', 'cancelled')", "inbox WHERE closed_at IS NULL", "orders WHERE cancelled_at IS NULL",
		"orders WHERE paid_at IS NULL", "operations WHERE state = 'unknown'", "operations WHERE calls > 0",
	} {
		fmt.Fprintf(&b, "%s %d, ", sum, s.count(s.t, sum))
	}
	s.full.Mu.Lock()
	defer s.full.Mu.Unlock()
	for _, op := range []string{"capture", "void", "refund", "reverse", "received"} {
		fmt.Fprintf(&b, "%s asked %d, ", op, len(s.full.Keys[op]))
	}
	return b.String()
}

// balances checks what the payment's ledger comes to.
func (s *desk) balances(captured, pending, refunded int64) models.Payment {
	s.t.Helper()
	p, err := s.pages.Payments.ByID(s.t.Context(), s.pay.ID)
	if err != nil || p.Captured != captured || p.RefundPending != pending || p.Refunded != refunded {
		s.t.Fatalf("captured %d, pending %d, refunded %d, want %d %d %d: %v", p.Captured, p.RefundPending, p.Refunded, captured, pending, refunded, err)
	}
	return p
}

func (s *desk) detail() models.OrderDetail {
	s.t.Helper()
	d, err := s.pages.Orders.ByNumber(s.t.Context(), s.order.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// operations are those of a kind, oldest first.
func (s *desk) operations(kind models.OperationKind) (all []models.Operation) {
	s.t.Helper()
	for _, op := range s.detail().Operations {
		if op.Kind == kind {
			all = append(all, op)
		}
	}
	return all
}

func (s *desk) asked(op string) int {
	s.full.Mu.Lock()
	defer s.full.Mu.Unlock()
	return len(s.full.Keys[op])
}

func (s *desk) stock(slug string) int64 {
	s.t.Helper()
	p, err := s.pages.Products.BySlug(s.t.Context(), slug)
	if err != nil {
		s.t.Fatal(err)
	}
	return *p.Stock
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// hiddenIn is what goes along with the form that leads to path.
func hiddenIn(t *testing.T, got *httptest.ResponseRecorder, path string) url.Values {
	t.Helper()
	_, form, ok := strings.Cut(got.Body.String(), `action="`+path+`"`)
	if !ok {
		t.Fatalf("no form leads to %s", path)
	}
	form, _, _ = strings.Cut(form, "</form>")
	all := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		all.Set(m[1], html.UnescapeString(m[2]))
	}
	return all
}

func (s *desk) operationAt(op models.Operation, verb string) string {
	return s.at("/operations/" + strconv.FormatInt(op.ID, 10) + "/" + verb)
}

func itemAt(i models.InboxItem, verb string) string {
	return inboxURL + "/" + strconv.FormatInt(i.ID, 10) + verb
}
