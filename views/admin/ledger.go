package admin

import (
	"strings"

	"till/money"
	"till/views/ui"
)

// FactKind is what a line of the ledger says: models' words.
type FactKind string

// The kinds of facts.
const (
	FactAuthorized     FactKind = "authorized"
	FactReleased       FactKind = "released"
	FactCaptured       FactKind = "captured"
	FactCorrected      FactKind = "corrected"
	FactRefundReserved FactKind = "refund_reserved"
	FactRefunded       FactKind = "refunded"
	FactRefundFailed   FactKind = "refund_failed"
	FactRefundReversed FactKind = "refund_reversed"
	FactDisputed       FactKind = "disputed"
	FactDisputeClosed  FactKind = "dispute_closed"
)

// Fact is one line of a payment's ledger.
type Fact struct {
	Kind   FactKind
	Amount money.Amount // as stored: positive, but for FactCorrected
	Ref    string       // the provider's; may be empty
	Actor  string
	Source string
	At     When
}

// Balances are a payment's sums as its row has them, in minor units of its
// currency. The page compares them with what the facts add up to.
type Balances struct {
	Authorized    int64
	Released      int64
	Captured      int64
	RefundPending int64
	Refunded      int64
	Disputed      int64
}

// locale is how the dashboard writes amounts.
const locale = "en"

// word is the fact as people read it.
func (k FactKind) word() string {
	switch k {
	case FactAuthorized:
		return "Authorised"
	case FactReleased:
		return "Released"
	case FactCaptured:
		return "Captured"
	case FactCorrected:
		return "Corrected"
	case FactRefundReserved:
		return "Refund asked for"
	case FactRefunded:
		return "Refunded"
	case FactRefundFailed:
		return "Refund failed"
	case FactRefundReversed:
		return "Refund came back"
	case FactDisputed:
		return "Disputed"
	case FactDisputeClosed:
		return "Dispute closed"
	default:
		return string(k)
	}
}

// apply adds a fact's minor units to the sums and reports whether it moved
// money in or out of what we hold: 1 in, -1 out, 0 neither.
func (b *Balances) apply(k FactKind, n int64) int64 {
	switch k {
	case FactAuthorized:
		b.Authorized += n
	case FactReleased:
		b.Released += n
	case FactCaptured, FactCorrected:
		b.Captured += n
		return 1
	case FactRefundReserved:
		b.RefundPending += n
	case FactRefunded:
		b.RefundPending -= n
		b.Refunded += n
		return -1
	case FactRefundFailed:
		b.RefundPending -= n
	case FactRefundReversed:
		b.Refunded -= n
		return 1
	case FactDisputed:
		b.Disputed += n
		return -1
	case FactDisputeClosed:
		b.Disputed -= n
		return 1
	}
	return 0
}

// held is what we have of a payment: taken, not given back, not in dispute.
func (b Balances) held() int64 { return b.Captured - b.Refunded - b.Disputed }

// ledger is a payment's facts with the balance after each of them.
type ledger struct {
	rows  []ledgerRow
	sums  []sum
	held  string
	wrong []string // balances of the payment's row that are not what the facts add up to
}

// ledgerRow is one fact, ready to show.
type ledgerRow struct {
	Fact
	amount string // signed, where it changes what is held
	held   string // what is held after it
	note   string // why it counts for nothing; empty when it counts
}

// sum is one of the figures below the rows.
type sum struct {
	label  string
	amount string
}

// ledger folds the facts once more, by rules of its own, so that a slip in the
// books shows on the page.
func (p Payment) ledger() ledger {
	var (
		l  ledger
		at Balances
	)
	for _, f := range p.Facts {
		row := ledgerRow{Fact: f}
		if f.Amount.Currency == p.Amount.Currency {
			row.amount = signed(at.apply(f.Kind, f.Amount.Minor), f.Amount)
		} else {
			row.amount, row.note = f.Amount.Format(locale), "Another currency: not counted"
		}
		row.held = p.format(at.held())
		l.rows = append(l.rows, row)
	}
	l.held = p.format(at.held())
	for _, s := range []struct {
		label   string
		minor   int64
		row     int64
		silence bool // where it is zero
	}{
		{"Authorised", at.Authorized, p.Balances.Authorized, true},
		{"Released", at.Released, p.Balances.Released, true},
		{"Captured in all", at.Captured, p.Balances.Captured, false},
		{"Refund on its way", at.RefundPending, p.Balances.RefundPending, true},
		{"Refunded", at.Refunded, p.Balances.Refunded, true},
		{"Disputed", at.Disputed, p.Balances.Disputed, true},
	} {
		if s.minor != 0 || !s.silence {
			l.sums = append(l.sums, sum{s.label, p.format(s.minor)})
		}
		if s.minor != s.row {
			l.wrong = append(l.wrong, lower(s.label)+" is "+p.format(s.minor)+" by the facts and "+p.format(s.row)+" in the payment's row")
		}
	}
	return l
}

func (p Payment) format(minor int64) string {
	return money.Amount{Minor: minor, Currency: p.Amount.Currency}.Format(locale)
}

// signed writes an amount with the sign of what it does to the money held.
func signed(way int64, a money.Amount) string {
	if way < 0 {
		a.Minor = -a.Minor
	}
	text := a.Format(locale)
	if way != 0 && a.Minor > 0 {
		return "+" + text
	}
	return text
}

// agrees reports whether the facts add up to the balances in the payment's row.
func (l ledger) agrees() bool { return len(l.wrong) == 0 }

// check says whether the books agree.
func (l ledger) check() (ui.Tone, string) {
	if l.agrees() {
		return ui.Good, "The ledger adds up."
	}
	return ui.Bad, "The ledger does not add up: " + strings.Join(l.wrong, "; ") + ". Send and refund nothing before somebody has found out why."
}
