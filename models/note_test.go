package models_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
)

// One form is one note, however often and from wherever at once it is sent.
func TestOrders_Note(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newPaidParcel(t, b)
		const text = "rang\nand was <kind>"
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if err := p.orders.Note(t.Context(), p.id, "key-1", text, ann); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := count(t, b, "events", "kind = 'note'"); n != 1 {
			t.Fatalf("%d notes", n)
		}
		if n := count(t, b, "audit", "action = 'note' AND detail = '' AND actor = 'staff ann@example.test'"); n != 1 {
			t.Errorf("%d lines of audit without the text", n)
		}
		if err := p.orders.Note(t.Context(), p.id, "key-1", "another", ann); !errors.Is(err, models.ErrDuplicate) {
			t.Error(err)
		}
		if err := p.orders.Note(t.Context(), 999, "key-2", text, ann); !errors.Is(err, models.ErrNotFound) {
			t.Error(err)
		}
		if err := p.orders.Note(t.Context(), p.id, "key-2", text, ann); err != nil {
			t.Fatal(err)
		}
		if n := count(t, b, "events", "kind = 'note'"); n != 2 {
			t.Errorf("%d notes", n)
		}
	})
}

// A mail goes out once more, and a double click is one.
func TestMails_Resend(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p, mails := newPaidParcel(t, b), models.NewMails(b.DB)
		all, err := mails.OfOrder(t.Context(), p.id)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		id := all[0].ID
		b.Queue.Take("send_mail")
		if _, err := mails.Resend(t.Context(), p.id, id, ann); !errors.Is(err, models.ErrUnwritten) {
			t.Error(err)
		}
		if err := mails.Written(t.Context(), id, "Paid", "Kia ora"); err != nil {
			t.Fatal(err)
		}
		if err := mails.Sent(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := mails.Resend(t.Context(), p.id+1, id, ann); !errors.Is(err, models.ErrNotFound) {
			t.Error("of another order", err)
		}
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			times int
		)
		for range 20 {
			wg.Go(func() {
				again, err := mails.Resend(t.Context(), p.id, id, ann)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if again {
					times++
				}
			})
		}
		wg.Wait()
		if n := len(b.Queue.Take("send_mail")); times != 1 || n != 1 {
			t.Errorf("20 at once: %d times, %d jobs", times, n)
		}
		m, err := mails.ByID(t.Context(), id)
		if err != nil || m.SentAt != nil || m.Body != "Kia ora" {
			t.Error(m, err)
		}
		b.Clock.Pass(time.Minute)
		if again, err := mails.Resend(t.Context(), p.id, id, ann); err != nil || !again {
			t.Error(again, err)
		}
		if n := count(t, b, "audit", "action = 'mail_again'"); n != 2 {
			t.Errorf("%d lines of audit", n)
		}
	})
}
