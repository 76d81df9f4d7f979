package models

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Order is what a shopper bought: lines copied from the catalogue, never
// changed by a price change later. Its ID is the number that people read.
type Order struct {
	ID          int64
	Token       string // random; whoever has it may see the order
	CheckoutKey string // what makes a double submit one order: see CheckoutKey
	Fingerprint string // same buyer, same goods: see Fingerprint
	Email       string // lower case
	Name        string
	Address     `gorm:"embedded"`
	Total       money.Amount `gorm:"embedded;embeddedPrefix:total_"`
	Status      OrderStatus  // derived by Derive, stored so that lists can filter
	Attention   Attentions   // why a person must look; empty when nobody must
	Provider    string       // of the newest payment
	Method      string       // of the newest payment; empty when its provider has one
	Test        bool
	TaxName     string     // of the tax that the total holds; empty when there is none
	TaxRate     int64      // hundredths of a percent
	DueAt       time.Time  // when an order without money is given up
	PaidAt      *time.Time // when its money first covered the total
	CancelledAt *time.Time
	ExpiredAt   *time.Time
	PackedAt    *time.Time
	ShippedAt   *time.Time
	Carrier     string // who carries it; may be empty
	Tracking    string // the carrier's number; may be empty
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Address is where an order goes.
type Address struct {
	Line1    string
	Line2    string
	City     string
	Region   string
	Postcode string
	Country  string // ISO 3166-1 alpha-2
}

// OrderLine is one product of an order as it was when ordered.
type OrderLine struct {
	OrderID   int64 `gorm:"primaryKey"`
	Position  int64 `gorm:"primaryKey"`
	ProductID int64
	Slug      string
	Name      string
	Picture   string
	UnitMinor int64 // price of one, in the order's currency
	Quantity  int64
}

// Number is the order's number as text.
func (o Order) Number() string { return strconv.FormatInt(o.ID, 10) }

// Unit is the price of one piece of the line, in the currency of its order.
func (o Order) Unit(l OrderLine) money.Amount {
	return money.Amount{Minor: l.UnitMinor, Currency: o.Total.Currency}
}

// Fingerprint is the same for two orders of the same goods by the same buyer.
func Fingerprint(email string, lines []OrderLine) string {
	parts := make([]string, 0, len(lines)+1)
	for _, l := range lines {
		parts = append(parts, fmt.Sprintf("%d*%d", l.ProductID, l.Quantity))
	}
	slices.Sort(parts)
	parts = append(parts, strings.ToLower(email))
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// OrderDetail is an order with everything that hangs on it, oldest first.
type OrderDetail struct {
	Order
	Lines      []OrderLine
	Payments   []Payment
	Operations []Operation
	Facts      []Fact
	Events     []Event
	HeldUntil  *time.Time // until when pieces are kept for it; nil when none are
}

// Live returns the payment that the shopper is making; ok is false when there
// is none.
func (d OrderDetail) Live() (p Payment, ok bool) {
	for _, p := range d.Payments {
		if p.Live {
			return p, true
		}
	}
	return Payment{}, false
}

// Payment returns the order's payment with the given id.
func (d OrderDetail) Payment(id string) (p Payment, ok bool) {
	for _, p := range d.Payments {
		if p.ID == id {
			return p, true
		}
	}
	return Payment{}, false
}

// Orders reads and writes orders.
type Orders struct{ db *DB }

// NewOrders returns the orders kept in db.
func NewOrders(db *DB) *Orders { return &Orders{db} }

// Placement is a new order with its first payment.
type Placement struct {
	Order   Order
	Lines   []OrderLine
	Payment NewPayment
}

// ErrSoldOut is returned when there are fewer pieces left than ordered, or the
// rest is kept for others who are paying.
var ErrSoldOut = errors.New("models: sold out")

// Place writes an order, its lines, its first payment and the operation that
// will start it, and keeps the pieces for a while, in one commit. With a CheckoutKey that was used before it
// writes nothing and returns the order made then; placed tells which.
//
// Errors: ErrSoldOut.
func (o *Orders) Place(ctx context.Context, p Placement, cause Cause) (order Order, placed bool, err error) {
	err = o.db.Write(ctx, func(tx *gorm.DB) error {
		before, err := rowsOf[Order](tx).Where("checkout_key = ?", p.Order.CheckoutKey).First(ctx)
		if err == nil {
			order, placed = before, false
			return nil
		}
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return named(err, "checkout key")
		}
		order, placed = p.Order, true
		order.Status, order.Provider, order.Method = OrderIssued, p.Payment.Provider, p.Payment.Method
		now, err := currentSettings(ctx, tx)
		if err != nil {
			return err
		}
		order.TaxName, order.TaxRate = now.TaxName, now.TaxRate
		if err := tx.Create(&order).Error; err != nil {
			return named(err, "order")
		}
		if err := hold(ctx, tx, order.ID, p.Lines); err != nil {
			return err
		}
		for i, l := range p.Lines {
			l.OrderID, l.Position = order.ID, int64(i)
			if err := rowsOf[OrderLine](tx).Create(ctx, &l); err != nil {
				return named(err, "line of order "+order.Number())
			}
		}
		if err := addEvent(ctx, tx, Event{OrderID: order.ID, Kind: EventPlaced, Cause: cause}); err != nil {
			return err
		}
		if err := addWords(ctx, tx, order.ID, wordsOf(order, p.Lines)); err != nil {
			return err
		}
		return addPayment(ctx, tx, order, p.Payment, true, cause)
	})
	if errors.Is(err, ErrDuplicate) { // another process placed it between our look and our insert
		order, rerr := rowsOf[Order](o.db.r).Where("checkout_key = ?", p.Order.CheckoutKey).First(ctx)
		if rerr == nil {
			return order, false, nil
		}
	}
	return order, placed, err
}

// ByToken returns one order, or ErrNotFound.
func (o *Orders) ByToken(ctx context.Context, token string) (OrderDetail, error) {
	return o.detail(ctx, "token = ?", token)
}

// ByNumber returns one order, or ErrNotFound.
func (o *Orders) ByNumber(ctx context.Context, number int64) (OrderDetail, error) {
	return o.detail(ctx, "id = ?", number)
}

// OfPayment returns the order that a payment belongs to, or ErrNotFound.
func (o *Orders) OfPayment(ctx context.Context, paymentID string) (OrderDetail, error) {
	return o.detail(ctx, "id = (SELECT order_id FROM payments WHERE id = ?)", paymentID)
}

// detail reads one snapshot, so that the parts belong together.
func (o *Orders) detail(ctx context.Context, where string, arg any) (d OrderDetail, err error) {
	err = o.db.snapshot(ctx, func(tx *gorm.DB) error {
		order, err := rowsOf[Order](tx).Where(where, arg).First(ctx)
		if err != nil {
			return named(err, "order")
		}
		d, err = readDetail(ctx, tx, order)
		return err
	})
	return d, err
}

func readDetail(ctx context.Context, tx *gorm.DB, order Order) (d OrderDetail, err error) {
	d.Order = order
	what := "order " + order.Number()
	const ofOrder = "payment_id IN (SELECT id FROM payments WHERE order_id = ?)"
	if d.Lines, err = rowsOf[OrderLine](tx).Where("order_id = ?", order.ID).Order("position").Find(ctx); err != nil {
		return d, named(err, "lines of "+what)
	}
	if d.Payments, err = rowsOf[Payment](tx).Where("order_id = ?", order.ID).Order("created_at, id").Find(ctx); err != nil {
		return d, named(err, "payments of "+what)
	}
	if d.Operations, err = rowsOf[Operation](tx).Where(ofOrder, order.ID).Order("id").Find(ctx); err != nil {
		return d, named(err, "operations of "+what)
	}
	if d.Facts, err = rowsOf[Fact](tx).Where(ofOrder, order.ID).Order("id").Find(ctx); err != nil {
		return d, named(err, "facts of "+what)
	}
	if d.Events, err = rowsOf[Event](tx).Where("order_id = ?", order.ID).Order("id").Find(ctx); err != nil {
		return d, named(err, "events of "+what)
	}
	holds, err := rowsOf[StockHold](tx).Where("order_id = ? AND until > ?", order.ID, tx.NowFunc()).Order("until").Limit(1).Find(ctx)
	if len(holds) > 0 {
		d.HeldUntil = &holds[0].Until
	}
	return d, named(err, "holds of "+what)
}

// WithPayments returns some orders with their payments, and nothing else of
// them, by number. Those that are not there are left out.
func (o *Orders) WithPayments(ctx context.Context, ids []int64) (map[int64]OrderDetail, error) {
	all := make(map[int64]OrderDetail, len(ids))
	if len(ids) == 0 {
		return all, nil
	}
	orders, err := rowsOf[Order](o.db.r).Where("id IN ?", ids).Find(ctx)
	if err != nil {
		return nil, named(err, "orders")
	}
	payments, err := rowsOf[Payment](o.db.r).Where("order_id IN ?", ids).Order("created_at, id").Find(ctx)
	if err != nil {
		return nil, named(err, "payments of orders")
	}
	for _, one := range orders {
		all[one.ID] = OrderDetail{Order: one}
	}
	for _, p := range payments {
		if d, ok := all[p.OrderID]; ok { // placed since, when it is not
			d.Payments = append(d.Payments, p)
			all[p.OrderID] = d
		}
	}
	return all, nil
}

// Similar returns the newest order since then with the same fingerprint that
// is paid or may yet be, or ErrNotFound.
func (o *Orders) Similar(ctx context.Context, fingerprint string, since time.Time) (Order, error) {
	order, err := rowsOf[Order](o.db.r).
		Where("fingerprint = ? AND created_at >= ? AND status IN ?", fingerprint, since,
			[]OrderStatus{OrderPaid, OrderReceived, OrderHold, OrderInProgress}).
		Order("id DESC").First(ctx)
	return order, named(err, "similar order")
}

// GivenUp returns the numbers of open orders whose time is over.
func (o *Orders) GivenUp(ctx context.Context, now time.Time, limit int) ([]int64, error) {
	var ids []int64
	err := o.db.r.WithContext(ctx).Model(&Order{}).
		Where("due_at <= ? AND paid_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL", now).
		Order("due_at").Limit(limit).Pluck("id", &ids).Error
	return ids, named(err, "orders given up")
}

// PutOff gives an open order more time.
func (o *Orders) PutOff(ctx context.Context, id int64, until time.Time) error {
	return o.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[Order](tx).Where("id = ?", id).Update(ctx, "due_at", until)
		return named(err, "order")
	})
}

// Close says that an order is cancelled or expired. An order that is paid or
// being paid, or closed already, is left as it is; closed tells which.
func (o *Orders) Close(ctx context.Context, id int64, kind EventKind, detail string, cause Cause) (closed bool, err error) {
	column := map[EventKind]string{EventCancelled: "cancelled_at", EventExpired: "expired_at"}[kind]
	if column == "" {
		return false, fmt.Errorf("models: an order cannot be closed by %q", kind)
	}
	err = o.db.Write(ctx, func(tx *gorm.DB) error {
		order, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", id).First(ctx)
		if err != nil {
			return named(err, "order")
		}
		closed = false
		if order.PaidAt != nil || order.CancelledAt != nil || order.ExpiredAt != nil {
			return nil
		}
		open, err := rowsOf[Payment](tx).Where("order_id = ? AND (live OR state IN ?)", id, []PaymentState{PaymentPaid, PaymentAuthorized}).Find(ctx)
		if err != nil || len(open) > 0 { // begun, or paid, since the caller looked
			return named(err, "payments")
		}
		now := tx.NowFunc()
		closed = true
		_, err = rowsOf[Order](tx).Where("id = ?", id).
			Set(clause.Assignments(map[string]any{column: now, "updated_at": now})).Update(ctx)
		if err != nil {
			return named(err, "close order "+order.Number())
		}
		if err := release(ctx, tx, id); err != nil {
			return err
		}
		if err := addEvent(ctx, tx, Event{OrderID: id, Kind: kind, Detail: detail, Cause: cause}); err != nil {
			return err
		}
		_, err = o.db.derive(ctx, tx, id)
		return err
	})
	return closed, err
}

// ByCheckoutKey returns the order with the given CheckoutKey, or ErrNotFound.
func (o *Orders) ByCheckoutKey(ctx context.Context, key string) (Order, error) {
	order, err := rowsOf[Order](o.db.r).Where("checkout_key = ?", key).First(ctx)
	return order, named(err, "order of the checkout key")
}

// ByCheckout returns the newest order of a checkout form, whatever was typed
// into it, or ErrNotFound. See CheckoutKey.
func (o *Orders) ByCheckout(ctx context.Context, form string) (Order, error) {
	from, to := form+checkoutJoint, form+string(checkoutJoint[0]+1)
	order, err := rowsOf[Order](o.db.r).Where("checkout_key > ? AND checkout_key < ?", from, to).Order("id DESC").First(ctx)
	return order, named(err, "order of the checkout form")
}

const checkoutJoint = "."

// CheckoutKey is an order's CheckoutKey: the key of the form, and what the
// form was sent with. The same form sent twice is one order; sent with another
// address it is another.
func CheckoutKey(form string, o Order, lines []OrderLine) string {
	parts := []string{o.Email, o.Name, o.Line1, o.Line2, o.City, o.Region, o.Postcode, o.Country, string(o.Total.Currency)}
	for _, l := range lines {
		parts = append(parts, fmt.Sprintf("%d*%d@%d", l.ProductID, l.Quantity, l.UnitMinor))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return form + checkoutJoint + base64.RawURLEncoding.EncodeToString(sum[:])
}

// IsOfForm reports whether a CheckoutKey was made from the given form's key.
func IsOfForm(checkoutKey, form string) bool {
	return form != "" && strings.HasPrefix(checkoutKey, form+checkoutJoint)
}
