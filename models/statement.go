package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Fee is what a statement says that a provider kept for itself, in one
// currency. It counts to the day on which it was read in.
type Fee struct {
	ID          int64
	StatementID *int64 // nil when the statement was removed
	Provider    string
	Currency    money.Currency
	Test        bool
	Minor       int64
	Day         string
	CloseID     *int64
}

// Statement is a file in which a provider or a bank says what it has moved.
type Statement struct {
	ID        int64
	Provider  string
	Name      string // the file's
	Digest    string // of its bytes: the same file twice is one statement
	Mapping   Mapping
	FirstDay  string // of its lines; empty when they have none
	LastDay   string
	Lines     int64
	Actor     string
	CreatedAt time.Time
}

// LineKind says what a line of a statement tells.
type LineKind string

// The kinds of line.
const (
	LineTaken    LineKind = "taken"
	LineRefunded LineKind = "refunded"
	LineFee      LineKind = "fee"   // a fee of its own, for no payment
	LineOther    LineKind = "other" // a payout, and what else is no payment
)

// LineVerdict says how a line of a statement and our ledger compare.
type LineVerdict string

// The verdicts.
const (
	LineAgreed     LineVerdict = "agreed"      // we have the same fact
	LineDiffers    LineVerdict = "differs"     // we know the payment, and have no such fact
	LineTheirsOnly LineVerdict = "theirs_only" // we know no such payment
)

// StatementLine is one line of a statement. What went back is negative.
type StatementLine struct {
	StatementID int64 `gorm:"primaryKey"`
	Position    int64 `gorm:"primaryKey"` // the line of the file, from 1; the head is none
	Kind        LineKind
	Ref         string // the provider's reference, or ours
	Day         string // empty when the file has none
	Currency    money.Currency
	Minor       int64
	FeeMinor    int64
	NetMinor    int64
	Verdict     LineVerdict
	PaymentID   *string
	FactID      *int64
	OrderID     int64 `gorm:"->;-:migration"` // read only, of the payment; 0 when there is none
}

// StatementMapping is how a provider's files are read, as mapped the last time.
type StatementMapping struct {
	Provider  string `gorm:"primaryKey"`
	Mapping   Mapping
	UpdatedAt time.Time
}

// Statements reads and writes statements.
type Statements struct{ db *DB }

// NewStatements returns the statements kept in db.
func NewStatements(db *DB) *Statements { return &Statements{db} }

// MappingFor is the mapping that a provider's last file was read with, or
// ErrNotFound.
func (s *Statements) MappingFor(ctx context.Context, provider string) (Mapping, error) {
	one, err := rowsOf[StatementMapping](s.db.r).Where("provider = ?", provider).First(ctx)
	return one.Mapping, named(err, "mapping of "+provider)
}

// NewStatement is a statement to be kept.
type NewStatement struct {
	Provider string
	Name     string
	Digest   string
	Mapping  Mapping
	Lines    []StatementLine // as ReadStatement returned them
	Test     bool            // lines of no payment that we know are about tests
	Actor    string
	Upload   int64 // that it was read from, to be forgotten with it; may be 0
}

// Add compares a statement with the ledger and keeps it, all or nothing, and the
// mapping for the next time. A fact is matched by one line of one statement and
// no other.
//
// Errors: ErrDuplicate when the file was read in before, or another one was at
// the same moment.
func (s *Statements) Add(ctx context.Context, n NewStatement) (one Statement, err error) {
	err = s.db.Write(ctx, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		one = Statement{Provider: n.Provider, Name: n.Name, Digest: n.Digest, Mapping: n.Mapping, Lines: int64(len(n.Lines)), Actor: n.Actor, CreatedAt: now}
		for _, l := range n.Lines {
			if l.Day == "" {
				continue
			}
			if one.FirstDay == "" || l.Day < one.FirstDay {
				one.FirstDay = l.Day
			}
			one.LastDay = max(one.LastDay, l.Day)
		}
		if err := rowsOf[Statement](tx).Create(ctx, &one); err != nil {
			return named(err, "statement "+n.Name)
		}
		lines, tests := slices.Clone(n.Lines), make([]bool, len(n.Lines))
		m := matcher{tx: tx, provider: n.Provider}
		for from := 0; from < len(lines); from += countBatch {
			to := min(from+countBatch, len(lines))
			if err := m.match(ctx, lines[from:to], tests[from:to], n.Test); err != nil {
				return err
			}
		}
		for i := range lines {
			lines[i].StatementID = one.ID
		}
		if err := tx.WithContext(ctx).CreateInBatches(&lines, 500).Error; err != nil {
			return named(err, "lines of statement "+n.Name)
		}
		if err := addFees(ctx, tx, one, lines, tests, s.db.zone); err != nil {
			return err
		}
		kept := StatementMapping{Provider: n.Provider, Mapping: n.Mapping, UpdatedAt: now}
		err := tx.WithContext(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "provider"}}, DoUpdates: clause.AssignmentColumns([]string{"mapping", "updated_at"})}).Create(&kept).Error
		if err != nil {
			return named(err, "mapping of "+n.Provider)
		}
		if _, err := rowsOf[Upload](tx).Where("id = ?", n.Upload).Delete(ctx); err != nil {
			return named(err, "upload")
		}
		return addAudit(ctx, tx, Audit{Actor: n.Actor, Action: AuditStatementRead, Subject: statementSubject(one.ID), Detail: fmt.Sprintf("%s, lines: %d", n.Provider, len(lines))})
	})
	return one, err
}

// The actions on statements and closes.
const (
	AuditClosesExported    = "closes_exported"
	AuditStatementExported = "statement_exported"
	AuditStatementRead     = "statement_read"
	AuditStatementRemoved  = "statement_removed"
)

func statementSubject(id int64) string { return fmt.Sprintf("statement %d", id) }

// Remove forgets a statement that was read in by mistake, with its matches. Fees
// that stand in a closed day stay there, and are booked back on today.
//
// Errors: ErrNotFound.
func (s *Statements) Remove(ctx context.Context, id int64, actor string) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		if _, err := rowsOf[Statement](tx, forUpdate()).Where("id = ?", id).First(ctx); err != nil {
			return named(err, "statement")
		}
		fees, err := rowsOf[Fee](tx, forUpdate()).Where("statement_id = ?", id).Find(ctx) // a closer waits, or has closed them
		if err != nil {
			return named(err, "fees")
		}
		now, err := currentSettings(ctx, tx)
		if err != nil {
			return err
		}
		day := Day(tx.NowFunc(), now.location(s.db.zone))
		for _, f := range fees {
			if f.CloseID == nil {
				_, err = rowsOf[Fee](tx).Where("id = ?", f.ID).Delete(ctx)
			} else if _, err = rowsOf[Fee](tx).Where("id = ?", f.ID).Update(ctx, "statement_id", nil); err == nil {
				back := Fee{Provider: f.Provider, Currency: f.Currency, Test: f.Test, Minor: -f.Minor, Day: day}
				err = rowsOf[Fee](tx).Create(ctx, &back)
			}
			if err != nil {
				return named(err, "fees")
			}
		}
		if err := tx.WithContext(ctx).Exec("DELETE FROM statement_lines WHERE statement_id = ?", id).Error; err != nil {
			return named(err, "lines of a statement")
		}
		if _, err := rowsOf[Statement](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return named(err, "statement")
		}
		return addAudit(ctx, tx, Audit{Actor: actor, Action: AuditStatementRemoved, Subject: statementSubject(id)})
	})
}

// matcher finds what lines of a provider's statement are about.
type matcher struct {
	tx       *gorm.DB
	provider string
	used     map[int64]bool // facts that a line of this statement has taken
}

// matchable is a fact that a line may be about.
type matchable struct {
	ID        int64
	PaymentID string
	Kind      FactKind
	Minor     int64
	Currency  money.Currency
}

// match fills in verdict, payment and fact of lines, and whether they are about
// tests.
func (m *matcher) match(ctx context.Context, lines []StatementLine, tests []bool, fallback bool) error {
	if m.used == nil {
		m.used = map[int64]bool{}
	}
	var refs []string
	for _, l := range lines {
		if l.Ref != "" && !slices.Contains(refs, l.Ref) {
			refs = append(refs, l.Ref)
		}
	}
	var rows []account // of other providers too: asked for one of them, SQLite would read all that it ever took
	err := m.tx.WithContext(ctx).Raw(`SELECT p.id, p.order_id, p.provider, p.method, p.ref, o.test FROM payments p JOIN orders o ON o.id = p.order_id
		WHERE p.ref <> '' AND p.ref IN ? UNION ALL
		SELECT p.id, p.order_id, p.provider, p.method, p.ref, o.test FROM payments p JOIN orders o ON o.id = p.order_id
		WHERE p.id IN ?`, refs, refs).Scan(&rows).Error
	if err != nil {
		return named(err, "payments of a statement")
	}
	byRef := map[string]account{}
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		if r.Provider != m.provider {
			continue
		}
		byRef[r.ID] = r
		if r.Ref != "" {
			byRef[r.Ref] = r
		}
		ids = append(ids, r.ID)
	}
	var facts []matchable
	err = m.tx.WithContext(ctx).Raw(`SELECT f.id, f.payment_id, f.kind, f.minor, f.currency FROM facts f
		WHERE f.payment_id IN ? AND f.kind IN ('captured','corrected','refunded','refund_reversed')
		AND NOT EXISTS (SELECT 1 FROM statement_lines l WHERE l.fact_id = f.id) ORDER BY f.id`, ids).Scan(&facts).Error
	if err != nil {
		return named(err, "facts of a statement")
	}
	of := map[string][]matchable{}
	for _, f := range facts {
		of[f.PaymentID] = append(of[f.PaymentID], f)
	}
	for i := range lines {
		l := &lines[i]
		l.Verdict, tests[i] = LineTheirsOnly, fallback
		if l.Kind == LineFee || l.Kind == LineOther {
			l.Verdict = LineAgreed // nothing of ours to compare with
			continue
		}
		a, ok := byRef[l.Ref]
		if l.Ref == "" || !ok {
			continue
		}
		tests[i] = a.Test
		l.Verdict, l.PaymentID = LineDiffers, &a.ID
		for _, f := range of[a.ID] {
			if !m.used[f.ID] && f.Currency == l.Currency && f.moved() == l.Minor {
				m.used[f.ID] = true
				l.Verdict, l.FactID = LineAgreed, &f.ID
				break
			}
		}
	}
	return nil
}

// moved is the fact's money as a statement has it: negative when it went back.
func (f matchable) moved() int64 {
	if f.Kind == FactRefunded {
		return -f.Minor
	}
	return f.Minor
}

// addFees writes what the provider kept, to be counted to today.
func addFees(ctx context.Context, tx *gorm.DB, one Statement, lines []StatementLine, tests []bool, fallback *time.Location) error {
	type key struct {
		currency money.Currency
		test     bool
	}
	sums, keys := map[key]int64{}, []key(nil)
	for i, l := range lines {
		k := key{l.Currency, tests[i]}
		if _, ok := sums[k]; !ok {
			keys = append(keys, k)
		}
		sums[k] += l.FeeMinor
	}
	now, err := currentSettings(ctx, tx)
	if err != nil {
		return err
	}
	day := Day(one.CreatedAt, now.location(fallback))
	for _, k := range keys {
		if sums[k] == 0 {
			continue
		}
		fee := Fee{StatementID: &one.ID, Provider: one.Provider, Currency: k.currency, Test: k.test, Minor: sums[k], Day: day}
		if err := rowsOf[Fee](tx).Create(ctx, &fee); err != nil {
			return named(err, "fees of a statement")
		}
	}
	return nil
}

// List returns statements, newest first: those before an id, or those after one,
// next to it; 0 is none. more tells whether there are others further that way.
func (s *Statements) List(ctx context.Context, before, after int64, limit int) (all []Statement, more bool, err error) {
	q, order := rowsOf[Statement](s.db.r), "id DESC"
	switch {
	case before > 0:
		q = q.Where("id < ?", before)
	case after > 0:
		q, order = q.Where("id > ?", after), "id"
	}
	all, err = q.Order(order).Limit(limit + 1).Find(ctx)
	if more = len(all) > limit; more {
		all = all[:limit]
	}
	if order == "id" {
		slices.Reverse(all)
	}
	return all, more, named(err, "statements")
}

// ByID returns one statement, or ErrNotFound.
func (s *Statements) ByID(ctx context.Context, id int64) (Statement, error) {
	one, err := rowsOf[Statement](s.db.r).Where("id = ?", id).First(ctx)
	return one, named(err, "statement")
}

// ByDigest returns the statement of a provider that was read from a file with
// these bytes, or ErrNotFound.
func (s *Statements) ByDigest(ctx context.Context, provider, digest string) (Statement, error) {
	one, err := rowsOf[Statement](s.db.r).Where("provider = ? AND digest = ?", provider, digest).First(ctx)
	return one, named(err, "statement")
}

// Providers are those that have payments.
func (s *Statements) Providers(ctx context.Context) ([]string, error) {
	return kindsOf(ctx, s.db.r, "payments", "provider")
}

// LinesOf returns some lines of a statement with the given verdict, in the
// file's order, those after a position.
func (s *Statements) LinesOf(ctx context.Context, id int64, verdict LineVerdict, after int64, limit int) (all []StatementLine, more bool, err error) {
	err = s.db.r.WithContext(ctx).Raw(`SELECT l.*, COALESCE(p.order_id, 0) AS order_id FROM statement_lines l LEFT JOIN payments p ON p.id = l.payment_id
		WHERE l.statement_id = ? AND l.verdict = ? AND l.position > ? ORDER BY l.position LIMIT ?`, id, verdict, after, limit+1).Scan(&all).Error
	if more = len(all) > limit; more {
		all = all[:limit]
	}
	return all, more, named(err, "lines of a statement")
}

// FactPlace is a fact's place among the facts of some days.
type FactPlace struct {
	Day    string
	FactID int64
}

// oursOnly is the facts of a provider and some days that no statement tells of.
// CROSS JOIN tells SQLite to begin with the days: by itself it begins with all
// that the provider ever took.
const oursOnly = `FROM bookings b CROSS JOIN facts f CROSS JOIN payments p
	WHERE f.id = b.fact_id AND p.id = f.payment_id AND (b.day, b.fact_id) > (?, ?) AND b.day <= ? AND b.test = ? AND p.provider = ? AND f.kind IN ('captured','corrected','refunded','refund_reversed')
	AND NOT EXISTS (SELECT 1 FROM statement_lines l WHERE l.fact_id = f.id) `

// OursOnly returns some facts of a statement's provider and days that no
// statement tells of, by day, those after a place. The zero place is before all.
func (s *Statements) OursOnly(ctx context.Context, one Statement, test bool, after FactPlace, limit int) (all []ClosedFact, more bool, err error) {
	if after.Day < one.FirstDay {
		after = FactPlace{one.FirstDay, 0}
	}
	err = s.db.r.WithContext(ctx).Raw("SELECT f.*, p.order_id, p.method, b.day "+oursOnly+"ORDER BY b.day, b.fact_id LIMIT ?",
		after.Day, after.FactID, one.LastDay, test, one.Provider, limit+1).Scan(&all).Error
	if more = len(all) > limit; more {
		all = all[:limit]
	}
	return all, more, named(err, "facts without a statement")
}

// OursOnlyTotals is what those facts come to, by currency. What went back is
// negative, as in a statement.
func (s *Statements) OursOnlyTotals(ctx context.Context, one Statement, test bool) ([]StatementTotal, error) {
	var all []StatementTotal
	err := s.db.r.WithContext(ctx).Raw("SELECT f.currency, COUNT(*) AS lines, SUM(CASE f.kind WHEN 'refunded' THEN -f.minor ELSE f.minor END) AS minor "+oursOnly+
		"GROUP BY f.currency ORDER BY f.currency", one.FirstDay, 0, one.LastDay, test, one.Provider).Scan(&all).Error
	return all, named(err, "totals of facts without a statement")
}

// StatementTotal is what the lines of one verdict come to in one currency.
type StatementTotal struct {
	Verdict  LineVerdict
	Currency money.Currency
	Lines    int64
	Minor    int64
	FeeMinor int64
	NetMinor int64
}

// Totals is what a statement's lines come to, by verdict and currency.
func (s *Statements) Totals(ctx context.Context, id int64) ([]StatementTotal, error) {
	var all []StatementTotal
	err := s.db.r.WithContext(ctx).Raw(`SELECT verdict, currency, COUNT(*) AS lines, SUM(minor) AS minor, SUM(fee_minor) AS fee_minor, SUM(net_minor) AS net_minor
		FROM statement_lines WHERE statement_id = ? GROUP BY verdict, currency ORDER BY verdict, currency`, id).Scan(&all).Error
	return all, named(err, "totals of a statement")
}
