package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ProviderHealth is how calls of a provider went lately. It is for people to
// read: nothing is decided by it.
type ProviderHealth struct {
	Provider string     `gorm:"primaryKey"`
	OKAt     *time.Time `gorm:"column:ok_at"` // when a call last had an answer that could be used; to the minute
	FailedAt *time.Time // when one last had none; to the minute
	Failure  string     // of that one: its kind, what was asked and the HTTP status, such as "unavailable lookup 503"
}

// TableName implements GORM's tabler.
func (ProviderHealth) TableName() string { return "provider_health" }

// Health reads and writes how providers are.
type Health struct{ db *DB }

// NewHealth returns what is kept in db of how providers are.
func NewHealth(db *DB) *Health { return &Health{db} }

// Note keeps how a call of a provider went; an empty failure is that it went
// well.
func (h *Health) Note(ctx context.Context, provider, failure string) error {
	return h.db.Write(ctx, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		one, set := ProviderHealth{Provider: provider, OKAt: &now}, map[string]any{"ok_at": now}
		if failure != "" {
			one = ProviderHealth{Provider: provider, FailedAt: &now, Failure: failure}
			set = map[string]any{"failed_at": now, "failure": failure}
		}
		return named(tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "provider"}}, DoUpdates: clause.Assignments(set),
		}).Create(&one).Error, "health of "+provider)
	})
}

// All returns how providers are, by name. One that was never called is missing.
func (h *Health) All(ctx context.Context) (map[string]ProviderHealth, error) {
	rows, err := rowsOf[ProviderHealth](h.db.r).Find(ctx)
	if err != nil {
		return nil, named(err, "health of providers")
	}
	all := make(map[string]ProviderHealth, len(rows))
	for _, one := range rows {
		all[one.Provider] = one
	}
	return all, nil
}

// Probed keeps that a member of staff had a provider's line tested, with what
// came of it.
func (h *Health) Probed(ctx context.Context, provider, outcome string, cause Cause) error {
	return h.db.Write(ctx, func(tx *gorm.DB) error {
		return addAudit(ctx, tx, Audit{Actor: cause.Actor, Action: "line_tested", Subject: "provider " + provider, Detail: outcome})
	})
}

// MaxOpen is the most open payments that are counted.
const MaxOpen = 1000

// OpenAt returns how many payments a provider has not decided yet; more than
// MaxOpen are not counted further.
func (p *Payments) OpenAt(ctx context.Context, provider string) (n int64, err error) {
	for _, state := range []PaymentState{PaymentRedirected, PaymentProcessing, PaymentAuthorized, PaymentUnknown} {
		var some int64
		err := p.db.r.WithContext(ctx).Raw("SELECT COUNT(*) FROM (SELECT id FROM payments WHERE provider = ? AND state = ? LIMIT ?) AS found",
			provider, state, MaxOpen+1).Scan(&some).Error
		if err != nil {
			return 0, named(err, "open payments")
		}
		n += some
	}
	return n, nil
}
