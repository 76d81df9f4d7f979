package world

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net/http"
)

// Plant is a bug that is put in from outside, to see that it is found.
type Plant string

// The plants.
const (
	// NoVersions has every change look as if it was decided on the newest row.
	NoVersions Plant = "no-versions"
	// NoReserve writes down that a refund needs money only when it has gone back.
	NoReserve Plant = "no-reserve"
	// TimeoutAsFailure takes an answer that never came for a refusal.
	TimeoutAsFailure Plant = "timeout-as-failure"
)

// Plants lists them.
func Plants() []Plant { return []Plant{NoVersions, NoReserve, TimeoutAsFailure} }

// sow changes the run's own database so that the bug is there.
func (p Plant) sow(ctx context.Context, conn *sql.Conn) error {
	var all []string
	switch p {
	case NoVersions:
		all = []string{
			`CREATE TRIGGER IF NOT EXISTS planted AFTER UPDATE OF version ON payments WHEN NEW.version <> 1
			 BEGIN UPDATE payments SET version = 1 WHERE id = NEW.id; END`,
		}
	case NoReserve:
		all = []string{
			"PRAGMA ignore_check_constraints = ON",
			`CREATE TRIGGER IF NOT EXISTS planted_never BEFORE INSERT ON facts WHEN NEW.kind = 'refund_reserved' AND NEW.source <> 'planted'
			 BEGIN SELECT RAISE(IGNORE); END`,
			`CREATE TRIGGER IF NOT EXISTS planted_late AFTER INSERT ON facts WHEN NEW.kind IN ('refunded', 'refund_failed')
			 BEGIN INSERT INTO facts (payment_id, kind, minor, currency, ref, stage, actor, source, at)
			   VALUES (NEW.payment_id, 'refund_reserved', NEW.minor, NEW.currency, '', '', 'planted', 'planted', NEW.at); END`,
		}
	case TimeoutAsFailure:
	}
	for _, line := range all {
		if _, err := conn.ExecContext(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// refusing is a wire on which no answer is an answer: no.
type refusing struct{ wire http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.wire.RoundTrip(req)
	if err == nil && resp.StatusCode < http.StatusInternalServerError {
		return resp, nil
	}
	if err == nil {
		_ = resp.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(bytes.NewReader([]byte(`{"errors":[{"code":"timeout"}]}`))),
	}, nil
}
