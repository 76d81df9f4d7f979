package admin

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	overviewURL = "/admin"
	// holdWarning is how many days before a reservation lapses staff are told,
	// unless the settings say otherwise.
	holdWarning = 3
	// lateBy is how long after its time a question is late: the timer looks every
	// few seconds.
	lateBy = 10 * time.Minute
	// unheardFor is how far back payments are looked at that a provider has not
	// called for, and unheardAfter how long it has for it.
	unheardFor   = 24 * time.Hour
	unheardAfter = 15 * time.Minute
	// givenUpFor is how long a job that was given up is told of, where nothing
	// else says whether it is still to be done.
	givenUpFor = 24 * time.Hour
	// chartLeast is how many days a chart has at least.
	chartLeast = 7
)

// Overview is GET /admin?days=&figures=: what needs a person, and the figures of
// some days. What the address says and we cannot read is left out.
func (h Pages) Overview(c *gin.Context) error {
	ctx := c.Request.Context()
	set, err := h.DB.Current(ctx)
	if err != nil {
		return err
	}
	k := h.clock()
	if zone, err := models.Zone(set.TimeZone); err == nil && set.TimeZone != "" {
		k.zone = zone // the days of the figures are cut in it
	}
	p := page.OverviewPage{Demo: h.Shop.Demo, Tests: h.Shop.Demo}
	switch c.Query("figures") {
	case "tests":
		p.Tests = true
	case "real":
		p.Tests = false
	}
	if p.Needs, err = h.needs(ctx, k, int(cmp.Or(set.HoldWarning, holdWarning))); err != nil {
		return err
	}
	any, err := h.Orders.Any(ctx)
	if err != nil {
		return err
	}
	if any {
		p.Span = span(c.Query("days"), models.Day(k.now, k.zone))
		p.Books, err = h.books(ctx, p.Span, p.Tests)
	} else {
		p.Begin, err = h.begin(c, set)
	}
	if err != nil {
		return err
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Overview(p))
}

// begin is what a shop without an order has done so far.
func (h Pages) begin(c *gin.Context, set models.Settings) (*page.Begin, error) {
	products, err := h.Products.Any(c.Request.Context())
	return &page.Begin{
		Named: set.ID != 0 && set.Actor != "till", Products: products, Providers: len(h.Cashier.Providers()) > 0,
		MayName: has(member(c), rightHouse), MaySell: has(member(c), rightSell),
	}, err
}

// span is the period that an address asks for: today so far, or that many whole
// days before it.
func span(asked, today string) page.Span {
	s := page.Span{Days: page.Spans[0]}
	if n, err := strconv.Atoi(asked); err == nil && slices.Contains(page.Spans, n) {
		s.Days = n
	}
	s.To = today
	if s.Days > 1 {
		s.To = addDays(today, -1)
	}
	s.From = addDays(s.To, 1-s.Days)
	s.BeforeFrom, s.BeforeTo = addDays(s.From, -s.Days), addDays(s.From, -1)
	return s
}

// addDays is a day some days later. A day is a date here, so that none is longer
// than another.
func addDays(day string, n int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(0, 0, n).Format(time.DateOnly)
}

// books is the figures of a period by currency: those of the shop first, in
// their order.
func (h Pages) books(ctx context.Context, s page.Span, tests bool) ([]page.Book, error) {
	chartFrom, figures := min(s.From, addDays(s.To, 1-chartLeast)), models.NewOverview(h.DB)
	byDay, err := figures.ByDay(ctx, chartFrom, s.To, tests)
	if err != nil {
		return nil, err
	}
	now, err := figures.ByMethod(ctx, s.From, s.To, tests)
	if err != nil {
		return nil, err
	}
	before, err := figures.ByMethod(ctx, s.BeforeFrom, s.BeforeTo, tests)
	if err != nil {
		return nil, err
	}
	var days []page.DayRow
	for day := chartFrom; day <= s.To; day = addDays(day, 1) {
		days = append(days, page.DayRow{Day: day})
	}
	books := map[money.Currency]*page.Book{}
	methods := map[money.Currency]map[[2]string]*page.MethodRow{}
	book := func(f models.Figure) *page.Book {
		if books[f.Currency] == nil {
			books[f.Currency], methods[f.Currency] = &page.Book{Currency: f.Currency, Days: slices.Clone(days)}, map[[2]string]*page.MethodRow{}
		}
		return books[f.Currency]
	}
	for _, f := range byDay {
		b := book(f)
		if i := slices.IndexFunc(b.Days, func(d page.DayRow) bool { return d.Day == f.Day }); i >= 0 {
			add(&b.Days[i].Totals, f)
		}
	}
	method := func(f models.Figure) *page.MethodRow {
		key := [2]string{f.Provider, f.Method}
		m := methods[f.Currency][key]
		if m == nil {
			m = &page.MethodRow{Provider: h.label(f.Provider), Method: h.methodLabel(f.Provider, f.Method)}
			methods[f.Currency][key] = m
		}
		return m
	}
	for _, f := range now {
		add(&book(f).Now, f)
		add(&method(f).Totals, f)
	}
	for _, f := range before {
		add(&book(f).Before, f)
		add(&method(f).Before, f)
	}
	var all []page.Book
	for currency, b := range books {
		for _, m := range methods[currency] {
			b.Methods = append(b.Methods, *m)
		}
		slices.SortFunc(b.Methods, func(a, b page.MethodRow) int {
			return cmp.Or(cmp.Compare(b.Taken, a.Taken), cmp.Compare(b.Attempts, a.Attempts), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Method, b.Method))
		})
		all = append(all, *b)
	}
	rank := func(c money.Currency) int {
		if i := slices.Index(h.Shop.Currencies, c); i >= 0 {
			return i
		}
		return len(h.Shop.Currencies)
	}
	slices.SortFunc(all, func(a, b page.Book) int {
		return cmp.Or(cmp.Compare(rank(a.Currency), rank(b.Currency)), cmp.Compare(a.Currency, b.Currency))
	})
	return all, nil
}

// add adds a figure to totals.
func add(t *page.Totals, f models.Figure) {
	t.Taken, t.Refunded, t.Disputed = t.Taken+f.TakenMinor, t.Refunded+f.RefundedMinor, t.Disputed+f.DisputedMinor
	t.Orders, t.Attempts, t.Succeeded = t.Orders+f.Orders, t.Attempts+f.Attempts, t.Succeeded+f.Succeeded
}

// needs is everything that a person can do something about, the most pressing
// first.
func (h Pages) needs(ctx context.Context, k clock, warning int) ([]page.Need, error) {
	o := models.NewOverview(h.DB)
	var all []page.Need
	for _, some := range []func(context.Context, *models.Overview, clock) ([]page.Need, error){
		h.itemNeeds,
		func(ctx context.Context, o *models.Overview, k clock) ([]page.Need, error) {
			return h.lapsingNeeds(ctx, o, k, warning)
		},
		h.approvalNeeds, h.jobNeeds, h.lateNeeds, h.callbackNeeds, h.sendNeeds,
	} {
		needs, err := some(ctx, o, k)
		if err != nil {
			return nil, err
		}
		all = append(all, needs...)
	}
	return all, nil
}

// counted is a need about so many rows, of which no more than CountUpTo were
// read.
func counted(kind page.NeedKind, n int) page.Need {
	if n >= models.CountUpTo {
		return page.Need{Kind: kind, Count: models.CountUpTo - 1, More: true}
	}
	return page.Need{Kind: kind, Count: n}
}

// itemNeeds is the inbox by kind. One item leads to itself, several to where
// they are.
func (h Pages) itemNeeds(ctx context.Context, o *models.Overview, k clock) ([]page.Need, error) {
	kinds, err := o.Inbox(ctx)
	var all []page.Need
	for _, one := range kinds {
		n := counted(page.NeedItem, int(one.Times))
		n.Attention, n.Since, n.URL = page.Attention(one.Kind), k.at(one.Item.OpenedAt), inboxURL+"/"+strconv.FormatInt(one.First, 10)
		if one.Item.OrderID != nil {
			n.Order = strconv.FormatInt(*one.Item.OrderID, 10)
		}
		if one.Times > 1 {
			n.URL = inboxURL
		}
		all = append(all, n)
	}
	return all, err
}

func (h Pages) lapsingNeeds(ctx context.Context, o *models.Overview, k clock, warning int) ([]page.Need, error) {
	lapsing, err := o.Lapsing(ctx, k.now.AddDate(0, 0, warning))
	if err != nil || len(lapsing) == 0 {
		return nil, err
	}
	n := counted(page.NeedLapsing, len(lapsing))
	n.Since, n.URL = k.maybe(lapsing[0].HoldUntil), paymentsURL+"?state="+string(models.PaymentAuthorized)
	if len(lapsing) == 1 {
		n.URL = orderURL(strconv.FormatInt(lapsing[0].OrderID, 10))
	}
	return []page.Need{n}, nil
}

func (h Pages) approvalNeeds(ctx context.Context, _ *models.Overview, k clock) ([]page.Need, error) {
	open, err := models.NewApprovals(h.DB).Open(ctx)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	n := counted(page.NeedApproval, len(open))
	n.Since, n.URL = k.at(open[0].AskedAt), approvalsURL
	return []page.Need{n}, nil
}

// jobNeeds is work without success by what it is: callbacks that were not
// followed lead to the callback, mails to their order.
func (h Pages) jobNeeds(ctx context.Context, o *models.Overview, k clock) ([]page.Need, error) {
	stuck, err := o.Stuck(ctx, k.now.Add(-givenUpFor))
	if err != nil {
		return nil, err
	}
	var all []page.Need
	times := map[int]int{}
	for _, j := range stuck {
		kind, to := page.NeedRetry, deliveriesURL
		switch {
		case j.MailID != 0:
			kind, to = page.NeedMail, orderURL(strconv.FormatInt(j.OrderID, 10))
		case j.GivenUp:
			kind = page.NeedJob
		}
		if j.DeliveryID != 0 {
			to += "/" + strconv.FormatInt(j.DeliveryID, 10)
		}
		i := slices.IndexFunc(all, func(n page.Need) bool { return n.Kind == kind && n.Job == j.Kind })
		if i < 0 {
			i = len(all)
			all = append(all, page.Need{Kind: kind, Job: j.Kind, Since: k.at(j.CreatedAt), URL: to})
		}
		times[i]++
	}
	for i := range all {
		n := counted(all[i].Kind, times[i])
		all[i].Count, all[i].More = n.Count, n.More
		switch {
		case times[i] == 1:
		case all[i].Kind == page.NeedMail:
			all[i].URL = deliveriesURL + "?way=" + string(page.WayOut)
		default:
			all[i].URL = deliveriesURL
		}
	}
	return all, nil
}

func (h Pages) lateNeeds(ctx context.Context, o *models.Overview, k clock) ([]page.Need, error) {
	late, err := o.Late(ctx, k.now.Add(-lateBy))
	if err != nil || len(late) == 0 {
		return nil, err
	}
	n := counted(page.NeedLate, len(late))
	n.Since, n.URL = k.maybe(late[0].AskAt), orderURL(strconv.FormatInt(late[0].OrderID, 10))
	return []page.Need{n}, nil
}

// callbackNeeds is the providers that say nothing by themselves.
func (h Pages) callbackNeeds(ctx context.Context, o *models.Overview, k clock) ([]page.Need, error) {
	var all []page.Need
	for _, one := range h.Cashier.Providers() {
		_, last, err := o.Unheard(ctx, one.Name(), k.now.Add(-unheardFor), k.now.Add(-unheardAfter))
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		n := page.Need{Kind: page.NeedCallback, Provider: one.Label(), URL: deliveriesURL + "?" + url.Values{"provider": {one.Name()}}.Encode()}
		if last.ID != 0 {
			n.Since = k.at(last.LastAt)
		}
		all = append(all, n)
	}
	return all, nil
}

// sendNeeds is what waits to leave the house.
func (h Pages) sendNeeds(ctx context.Context, o *models.Overview, _ clock) ([]page.Need, error) {
	toPack, err := o.ToPack(ctx)
	if err != nil {
		return nil, err
	}
	toShip, err := o.ToShip(ctx)
	var all []page.Need
	for _, one := range []struct {
		kind page.NeedKind
		n    int64
		todo string
	}{{page.NeedPack, toPack, "pack"}, {page.NeedShip, toShip, "ship"}} {
		if one.n > 0 {
			n := counted(one.kind, int(one.n))
			n.URL = ordersURL + "?todo=" + one.todo
			all = append(all, n)
		}
	}
	return all, err
}
