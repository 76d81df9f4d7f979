package modelstest

import "till/models"

// Sum is what money has come to, in minor units of one currency.
type Sum struct{ Taken, Refunded, Disputed int64 }

// Moved is what a fact of minor units adds to it. It is counted here a second
// time, so that what the program counts can be held against it.
func Moved(kind models.FactKind, minor int64) Sum {
	switch kind {
	case models.FactCaptured, models.FactCorrected:
		return Sum{Taken: minor}
	case models.FactRefunded:
		return Sum{Refunded: minor}
	case models.FactRefundReversed:
		return Sum{Refunded: -minor}
	case models.FactDisputed:
		return Sum{Disputed: minor}
	case models.FactDisputeClosed:
		return Sum{Disputed: -minor}
	case models.FactAuthorized, models.FactReleased, models.FactRefundReserved, models.FactRefundFailed:
	}
	return Sum{}
}

// Plus is both.
func (s Sum) Plus(more Sum) Sum {
	return Sum{s.Taken + more.Taken, s.Refunded + more.Refunded, s.Disputed + more.Disputed}
}

// Net is what was taken and neither went back nor is disputed.
func (s Sum) Net() int64 { return s.Taken - s.Refunded - s.Disputed }
