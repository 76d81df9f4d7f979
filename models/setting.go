package models

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// Defaults of settings that were never saved.
const (
	defaultOpen    = 7 * 24 * time.Hour
	defaultKeep    = 30 * time.Minute
	defaultRule    = "void"
	defaultWarning = 3
)

// OrDefaults is s with every setting that a shop cannot be without.
func (s Settings) OrDefaults() Settings {
	s.ShopName = cmp.Or(s.ShopName, "Our shop")
	s.TimeZone = cmp.Or(s.TimeZone, "UTC")
	s.OpenSeconds = cmp.Or(s.OpenSeconds, int64(defaultOpen/time.Second))
	s.KeepSeconds = cmp.Or(s.KeepSeconds, int64(defaultKeep/time.Second))
	s.HoldRule = cmp.Or(s.HoldRule, defaultRule)
	s.HoldWarning = cmp.Or(s.HoldWarning, defaultWarning)
	return s
}

// OpenFor is how long an order waits for its money.
func (s Settings) OpenFor() time.Duration {
	return time.Duration(s.OrDefaults().OpenSeconds) * time.Second
}

// KeepFor is how long pieces are kept for somebody who has begun to pay.
func (s Settings) KeepFor() time.Duration {
	return time.Duration(s.OrDefaults().KeepSeconds) * time.Second
}

// WarnBefore is how long before a reservation lapses staff are told.
func (s Settings) WarnBefore() time.Duration {
	return time.Duration(s.OrDefaults().HoldWarning) * 24 * time.Hour
}

// Difference is one setting that was changed.
type Difference struct{ Name, Before, After string }

// Differences is what became of older settings, in a fixed order.
func (s Settings) Differences(old Settings) (all []Difference) {
	differs := func(name, before, after string) {
		if before != after {
			all = append(all, Difference{name, before, after})
		}
	}
	differs("name", old.ShopName, s.ShopName)
	differs("headline", old.Headline, s.Headline)
	differs("intro", old.Intro, s.Intro)
	differs("contact", old.Contact, s.Contact)
	differs("address", old.Address, s.Address)
	differs("logo", old.Logo, s.Logo)
	differs("receipt text", old.ReceiptText, s.ReceiptText)
	differs("tax", old.tax(), s.tax())
	differs("time zone", old.TimeZone, s.TimeZone)
	differs("orders wait", Lasting(old.OpenFor()), Lasting(s.OpenFor()))
	differs("pieces are kept", Lasting(old.KeepFor()), Lasting(s.KeepFor()))
	differs("reservations", old.HoldRule, s.HoldRule)
	differs("days of warning", strconv.FormatInt(old.HoldWarning, 10), strconv.FormatInt(s.HoldWarning, 10))
	var in []money.Currency
	for _, limits := range []Limits{old.Limits, s.Limits} {
		for c := range limits {
			if !slices.Contains(in, c) {
				in = append(in, c)
			}
		}
	}
	slices.Sort(in)
	for _, c := range in {
		differs("refund limit", old.Limits.of(c), s.Limits.of(c))
	}
	return all
}

func (s Settings) tax() string {
	if s.TaxName == "" {
		return ""
	}
	return fmt.Sprintf("%s %d.%02d %%", s.TaxName, s.TaxRate/100, s.TaxRate%100)
}

func (l Limits) of(c money.Currency) string {
	limit, ok := l[c]
	if !ok {
		return ""
	}
	return money.Amount{Minor: limit, Currency: c}.String()
}

// Lasting is a duration in the largest units that say it exactly: "7 days",
// "1 hour 30 minutes".
func Lasting(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		n := d / u.unit
		d %= u.unit
		switch {
		case n == 1:
			parts = append(parts, "1 "+u.name)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, u.name))
		}
	}
	return strings.Join(parts, " ")
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
	if err == nil {
		db.live.forget()
	}
	return s, err
}

// SaveSettings makes s count from now on. s.ID is the row that it was made from:
// when another has been saved meanwhile nothing is written, and the error is
// ErrStale. Where they are the same nothing is written either.
func (db *DB) SaveSettings(ctx context.Context, s Settings, actor string) (Settings, error) {
	return db.saveSettings(ctx, s, nil, actor)
}

// SaveLogo makes a picture the shop's logo, and with nil leaves it without one;
// else it is SaveSettings.
func (db *DB) SaveLogo(ctx context.Context, s Settings, logo *Picture, actor string) (Settings, error) {
	s.Logo = ""
	if logo != nil {
		s.Logo = logo.Digest
	}
	return db.saveSettings(ctx, s, logo, actor)
}

func (db *DB) saveSettings(ctx context.Context, from Settings, logo *Picture, actor string) (s Settings, err error) {
	err = db.Write(ctx, func(tx *gorm.DB) error {
		s = from
		if _, err := rowsOf[Settings](tx, forUpdate()).Where("id = ?", s.ID).Find(ctx); err != nil { // whoever saves at the same moment waits
			return named(err, "settings")
		}
		now, err := currentSettings(ctx, tx)
		if err != nil {
			return err
		}
		if now.ID != s.ID {
			return fmt.Errorf("%w: settings", ErrStale)
		}
		if logo != nil {
			if err := addPicture(ctx, tx, *logo); err != nil {
				return err
			}
		}
		differences := s.Differences(now)
		if now.ID != 0 && len(differences) == 0 {
			return nil
		}
		s.ID, s.Actor, s.At = 0, actor, tx.NowFunc()
		if err := rowsOf[Settings](tx).Create(ctx, &s); err != nil {
			return named(err, "settings")
		}
		return addAudit(ctx, tx, Audit{Actor: actor, Action: "settings_saved", Subject: fmt.Sprintf("settings %d", s.ID), Detail: detail(differences)})
	})
	if err == nil {
		db.live.forget()
	}
	return s, err
}

// maxDetail bounds a text in the audit, in characters; the whole of it is in the
// row of the settings.
const maxDetail = 100

// detail is differences as the audit has them.
func detail(all []Difference) string {
	lines := make([]string, len(all))
	for i, d := range all {
		lines[i] = fmt.Sprintf("%s: %s → %s", d.Name, bounded(d.Before), bounded(d.After))
	}
	return strings.Join(lines, "; ")
}

func bounded(s string) string {
	if runes := []rune(s); len(runes) > maxDetail {
		s = string(runes[:maxDetail]) + "…"
	}
	return cmp.Or(s, "none")
}

// SettingsBefore returns settings that counted once, newest first, with the one
// that was made from the row id, and those before it: at most limit.
func (db *DB) SettingsBefore(ctx context.Context, id int64, limit int) ([]Settings, error) {
	all, err := rowsOf[Settings](db.r).Where("id <= ?", id).Order("id DESC").Limit(limit).Find(ctx)
	return all, named(err, "settings")
}

// liveFor is how long settings are believed before they are read again, so that
// another process is heard.
const liveFor = time.Second

// live is the settings as this process knows them.
type live struct {
	mu    sync.Mutex
	known bool
	at    time.Time
	row   Settings
}

// forget makes the next one who asks read them anew.
func (l *live) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = false
}

// Known is Live for those who go on with what was known last.
func (db *DB) Known() Settings {
	s, _ := db.Live(context.Background()) // a database that does not answer is told of by whoever cannot go on without
	return s
}

// Live is the settings that count now, at most a second late when another
// process has saved them; one with ID 0 when none were ever saved. Where the
// database does not answer it is what was known last, and the error says so.
func (db *DB) Live(ctx context.Context) (Settings, error) {
	db.live.mu.Lock()
	defer db.live.mu.Unlock()
	now := db.Now()
	if age := now.Sub(db.live.at); db.live.known && age >= 0 && age < liveFor {
		return db.live.row, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), liveFor) // it is read for all who wait, not for one
	defer cancel()
	row, err := currentSettings(ctx, db.r)
	if err != nil {
		if db.live.known {
			db.live.at = now // nobody waits for it once more within the second
		}
		return db.live.row, err
	}
	db.live.row, db.live.at, db.live.known = row, now, true
	return row, nil
}
