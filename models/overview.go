package models

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// CountUpTo is where counting ends that nobody needs exactly: as many means as
// many or more.
const CountUpTo = 100

// Overview reads what the first page of the dashboard is made of. However many
// orders there are, it reads days, and the few rows that wait for a person.
type Overview struct{ db *DB }

// NewOverview returns the overview of db.
func NewOverview(db *DB) *Overview { return &Overview{db} }

// ByDay returns what the figures of each of some days come to, from the first
// to the last one, both among them. They are of no provider and no method.
func (o *Overview) ByDay(ctx context.Context, from, to string, test bool) ([]Figure, error) {
	return o.sums(ctx, "day, currency", from, to, test)
}

// ByMethod returns what the figures of some days come to for each method, all
// days together. They are of no day.
func (o *Overview) ByMethod(ctx context.Context, from, to string, test bool) ([]Figure, error) {
	return o.sums(ctx, "currency, provider, method", from, to, test)
}

// sums adds figures up where they lie, since a year has many of them.
func (o *Overview) sums(ctx context.Context, by, from, to string, test bool) (all []Figure, err error) {
	columns := []string{by}
	for _, name := range figureColumns() {
		columns = append(columns, "CAST(SUM("+name+") AS BIGINT) AS "+name)
	}
	err = o.db.r.WithContext(ctx).Raw("SELECT "+strings.Join(columns, ", ")+" FROM figures WHERE day >= ? AND day <= ? AND test = ? GROUP BY "+by+" ORDER BY "+by, from, to, test).Scan(&all).Error
	return all, named(err, "figures")
}

// InboxKind is the open items of one kind.
type InboxKind struct {
	Kind  Attention
	Times int64
	First int64     // id of the oldest
	Item  InboxItem `gorm:"-"` // the oldest
}

// inboxLook is how many open items are looked at.
const inboxLook = 1000

// Inbox returns what waits in the inbox by kind, the kind that waits longest
// first.
func (o *Overview) Inbox(ctx context.Context) (kinds []InboxKind, err error) {
	err = o.db.r.WithContext(ctx).Raw(`SELECT kind, COUNT(*) AS times, MIN(id) AS first FROM (SELECT id, kind FROM inbox WHERE closed_at IS NULL ORDER BY id LIMIT ?) AS waiting
		GROUP BY kind ORDER BY MIN(id)`, inboxLook).Scan(&kinds).Error
	if err != nil {
		return nil, named(err, "inbox")
	}
	for i := range kinds {
		if kinds[i].Item, err = gorm.G[InboxItem](o.db.r).Where("id = ?", kinds[i].First).Take(ctx); err != nil {
			return nil, named(err, "inbox item")
		}
	}
	return kinds, nil
}

// briefly is what the overview says of a payment.
const briefly = "id, order_id, provider, method, state, minor, currency, hold_until, ask_at, created_at"

// Lapsing returns payments whose reservation ends by then, the first to end
// first, up to CountUpTo. Balances are left out.
func (o *Overview) Lapsing(ctx context.Context, by time.Time) ([]Payment, error) {
	all, err := rowsOf[Payment](o.db.r).Select(briefly).Where(sqlLapsing+" AND hold_until <= ?", by).Order("hold_until").Limit(CountUpTo).Find(ctx)
	return all, named(err, "reservations about to lapse")
}

// sqlLapsing is what payments_lapsing holds, word for word: it begins with the
// state, so that SQLite does not prefer another index that does.
const sqlLapsing = "hold_until IS NOT NULL AND state = 'authorized'"

// Late returns payments whose next question was due before then and was not
// asked, the latest of them first, up to CountUpTo. Balances are left out.
func (o *Overview) Late(ctx context.Context, before time.Time) ([]Payment, error) {
	all, err := rowsOf[Payment](o.db.r).Select(briefly).Where("ask_at < ?", before).Order("ask_at").Limit(CountUpTo).Find(ctx)
	return all, named(err, "late questions")
}

// Unheard returns the oldest payment at a provider, begun within the given time,
// of which there was news although the provider has not called since it was
// begun; and the provider's newest callback, whose ID is 0 when there is none.
// Of a payment without news there is nothing that a callback could have told.
//
// Errors: ErrNotFound when there is no such payment.
func (o *Overview) Unheard(ctx context.Context, provider string, from, to time.Time) (pay Payment, last Delivery, err error) {
	last, err = rowsOf[Delivery](o.db.r).Select("id, provider, received_at, last_at").Where("provider = ?", provider).Order("id DESC").Take(ctx)
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return pay, last, named(err, "deliveries")
	}
	if last.ID != 0 && last.LastAt.After(from) {
		from = last.LastAt
	}
	pay, err = rowsOf[Payment](o.db.r).Select(briefly).
		Where("provider = ? AND created_at > ? AND created_at < ? AND state NOT IN ?", provider, from, to, silent).
		Order("created_at, id").Take(ctx)
	return pay, last, named(err, "payments without a callback")
}

// silent are the states of a payment of which a provider has nothing to tell.
var silent = []PaymentState{PaymentCreated, PaymentRedirected, PaymentUnknown}

// ToPack is how many orders wait to be packed, up to CountUpTo.
func (o *Overview) ToPack(ctx context.Context) (int64, error) {
	return o.orders(ctx, "orders_to_pack", sqlToPack)
}

// ToShip is how many orders wait to be sent, packed or not, up to CountUpTo.
func (o *Overview) ToShip(ctx context.Context) (int64, error) {
	return o.orders(ctx, "orders_to_ship", sqlToShip)
}

// orders counts orders that are in an index of a few of them. SQLite knows no
// statistics, and would rather walk all orders that are paid.
func (o *Overview) orders(ctx context.Context, index, where string) (n int64, err error) {
	table := "orders INDEXED BY " + index
	if o.db.postgres {
		table = "orders"
	}
	err = o.db.r.WithContext(ctx).Raw("SELECT COUNT(*) FROM (SELECT id FROM "+table+" WHERE "+where+" ORDER BY id LIMIT ?) AS waiting", CountUpTo).Scan(&n).Error
	return n, named(err, "orders to send")
}

// StuckJob is work that was tried without success and is still to be done.
type StuckJob struct {
	Kind       string
	GivenUp    bool  // it is not tried again
	DeliveryID int64 // of a SettleDelivery
	MailID     int64 // of a SendMail
	OrderID    int64 // whose mail it is
	CreatedAt  time.Time
	NextAt     time.Time // when it is tried again, unless it was given up
}

// riverJob is a job as River keeps it.
type riverJob struct {
	Kind        string
	State       string
	Args        string
	CreatedAt   time.Time
	ScheduledAt time.Time
	FinalizedAt *time.Time
}

// Stuck returns the jobs that are tried again and those that were given up, up
// to CountUpTo of each. A callback whose payment was settled since, or a mail
// that was sent, needs its job no more; a job that belongs to no row is
// forgotten when it was given up before since. A mail that cannot be sent is
// tried for an hour before it is told of.
//
// Jobs are kept by package jobs. Where it has made no tables there are none.
func (o *Overview) Stuck(ctx context.Context, since time.Time) ([]StuckJob, error) {
	db := o.db.r.WithContext(ctx)
	if !db.Migrator().HasTable("river_job") {
		return nil, nil
	}
	args := "json(args)"
	if o.db.postgres {
		args = "args::text"
	}
	var rows []riverJob
	for _, some := range []string{"state = 'retryable'", "state = 'discarded'", "state = 'cancelled' AND kind = 'send_mail'"} {
		var more []riverJob
		err := db.Raw("SELECT kind, state, "+args+" AS args, created_at, scheduled_at, finalized_at FROM river_job WHERE "+some+" LIMIT ?", CountUpTo).Scan(&more).Error
		if err != nil {
			return nil, named(err, "jobs")
		}
		rows = append(rows, more...)
	}
	var all []StuckJob
	for _, row := range rows {
		one := StuckJob{Kind: row.Kind, GivenUp: row.State != "retryable", CreatedAt: row.CreatedAt.UTC(), NextAt: row.ScheduledAt.UTC()}
		var of struct {
			DeliveryID int64 `json:"delivery_id"`
			MailID     int64 `json:"mail_id"`
		}
		if err := json.Unmarshal([]byte(row.Args), &of); err != nil {
			return nil, named(err, "arguments of job "+row.Kind)
		}
		one.DeliveryID, one.MailID = of.DeliveryID, of.MailID
		if needed, err := o.needed(ctx, &one, row, since); err != nil {
			return nil, err
		} else if needed {
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, func(a, b StuckJob) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return all, nil
}

// mailPatience is how long a mail may wait for its server.
const mailPatience = time.Hour

// needed reports whether a job without success is still to be done.
func (o *Overview) needed(ctx context.Context, j *StuckJob, row riverJob, since time.Time) (bool, error) {
	switch {
	case j.Kind == (SettleDelivery{}).Kind() && j.DeliveryID != 0:
		n, err := rowsOf[Delivery](o.db.r).Where("id = ? AND verdict = ?", j.DeliveryID, DeliveryNew).Count(ctx, "id")
		return n > 0, named(err, "delivery")
	case j.Kind == (SendMail{}).Kind() && j.MailID != 0:
		mails, err := rowsOf[Mail](o.db.r).Select("id, order_id").Where("id = ? AND sent_at IS NULL", j.MailID).Find(ctx)
		if err != nil || len(mails) == 0 {
			return false, named(err, "mail")
		}
		j.OrderID = mails[0].OrderID
		return j.GivenUp || o.db.Now().Sub(j.CreatedAt) >= mailPatience, nil
	default:
		return row.FinalizedAt == nil || row.FinalizedAt.After(since), nil
	}
}
