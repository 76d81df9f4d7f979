package models

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"till/money"

	"gorm.io/gorm"
)

// Settings is what staff can change about the shop while it runs. Rows are only
// added: the newest counts, and a paper is printed with those it was written
// under.
type Settings struct {
	ID          int64
	ShopName    string
	Headline    string // one sentence about the shop; may be empty
	Intro       string // one more; may be empty
	Contact     string // e-mail address people can write to; may be empty
	Address     string // of the seller, lines as on a letter; may be empty
	Logo        string // digest of a Picture; empty when there is none
	ReceiptText string // below every receipt; may be empty
	TaxName     string // such as GST; empty when prices hold no tax that is named
	TaxRate     int64  // hundredths of a percent that prices hold
	TimeZone    string // of days and clocks: Pacific/Auckland
	OpenSeconds int64  // how long an order waits for its money
	KeepSeconds int64  // how long pieces are kept for who has begun to pay
	HoldRule    string // what becomes of a reservation that is about to lapse: void, capture, keep
	HoldWarning int64  // how many days before that staff are told
	Limits      Limits // above which a refund needs a second person
	Actor       string // who saved them
	At          time.Time
}

// TableName implements GORM's tabler: settings is its own plural.
func (Settings) TableName() string { return "settings" }

// Limits is an amount per currency, in minor units; a currency without one has
// no limit.
type Limits map[money.Currency]int64

// Scan implements sql.Scanner.
func (l *Limits) Scan(v any) error {
	var raw []byte
	switch v := v.(type) {
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		return fmt.Errorf("models: limits from %T", v)
	}
	*l = nil
	if err := json.Unmarshal(raw, l); err != nil {
		return fmt.Errorf("models: limits: %w", err)
	}
	return nil
}

// Value implements driver.Valuer.
func (l Limits) Value() (driver.Value, error) {
	if l == nil {
		l = Limits{}
	}
	raw, err := json.Marshal(l)
	return string(raw), err
}

// Above reports whether an amount is more than its currency's limit.
func (l Limits) Above(a money.Amount) bool {
	limit, ok := l[a.Currency]
	return ok && a.Minor > limit
}

// location is the shop's time zone, or another where it has none that is known
// here.
func (s Settings) location(fallback *time.Location) *time.Location {
	if s.TimeZone != "" {
		if z, err := Zone(s.TimeZone); err == nil {
			return z
		}
	}
	return fallback
}

// currentSettings is the newest row, or the zero Settings when there is none.
func currentSettings(ctx context.Context, tx *gorm.DB) (Settings, error) {
	s, err := rowsOf[Settings](tx).Order("id DESC").First(ctx)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Settings{}, nil
	}
	return s, named(err, "settings")
}

// Current returns the settings that count now; one with ID 0 when none were
// ever saved.
func (db *DB) Current(ctx context.Context) (Settings, error) { return currentSettings(ctx, db.r) }

// SettingsByID returns the settings of a row, which may be an older one, or ErrNotFound.
func (db *DB) SettingsByID(ctx context.Context, id int64) (Settings, error) {
	s, err := rowsOf[Settings](db.r).Where("id = ?", id).First(ctx)
	return s, named(err, "settings")
}

// BeginSettings writes the first settings; where there are some it changes
// nothing. It returns those that count.
func (db *DB) BeginSettings(ctx context.Context, first Settings) (s Settings, err error) {
	err = db.Write(ctx, func(tx *gorm.DB) error {
		if s, err = currentSettings(ctx, tx); err != nil || s.ID != 0 {
			return err
		}
		s = first
		s.ID, s.Actor, s.At = 0, "till", tx.NowFunc()
		return named(rowsOf[Settings](tx).Create(ctx, &s), "settings")
	})
	return s, err
}

// SaveSettings makes s count from now on. s.ID is the row that it was made from:
// when another has been saved meanwhile nothing is written, and the error is
// ErrStale.
func (db *DB) SaveSettings(ctx context.Context, s Settings, actor string) (Settings, error) {
	err := db.Write(ctx, func(tx *gorm.DB) error {
		now, err := currentSettings(ctx, tx)
		if err != nil {
			return err
		}
		if now.ID != s.ID {
			return fmt.Errorf("%w: settings", ErrStale)
		}
		before := s.ID
		s.ID, s.Actor, s.At = 0, actor, tx.NowFunc()
		if err := rowsOf[Settings](tx).Create(ctx, &s); err != nil {
			return named(err, "settings")
		}
		return addAudit(ctx, tx, Audit{Actor: actor, Action: "settings_saved", Subject: fmt.Sprintf("settings %d", s.ID), Detail: fmt.Sprintf("instead of %d", before)})
	})
	return s, err
}
