package jobs

import (
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"till/models"
)

var ann = models.Cause{Actor: "staff ann@example.test", Source: "dashboard"}

// header is a header of the n-th mail that a server has taken.
func (o *postOffice) header(t *testing.T, n int, name string) string {
	t.Helper()
	msg, err := netmail.ReadMessage(strings.NewReader(o.got()[n]))
	if err != nil {
		t.Fatal(err)
	}
	return msg.Header.Get(name)
}

// A mail that staff have sent once more is another one for whoever keeps what
// has come by its Message-ID. One that is tried again is the same.
func TestMail_SentOnceMore(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			office := openPostOffice(t)
			b := paid(t, kind, office.smtp())
			run(t, b.Runner)
			eventually(t, "sent", func() bool { return b.mail(t).SentAt != nil })
			kept, first := b.mail(t), "<order-"+b.order.Number()+"-order_paid@shop.test>"
			for n := 1; n <= 2; n++ {
				b.Clock.Pass(2 * time.Minute)
				office.answerRecipients("451 come back")
				again, err := b.mails.Resend(t.Context(), b.order.ID, kept.ID, ann)
				if err != nil || !again {
					t.Fatal(again, err)
				}
				eventually(t, "tried", func() bool {
					running := func(job *rivertype.JobRow) bool { return job.State == rivertype.JobStateRunning }
					return b.mail(t).Attempts >= kept.Attempts+int64(2*n-1) && !slices.ContainsFunc(b.jobs(t, "send_mail"), running)
				})
				office.answerRecipients("250 fine")
				b.asks(t, models.SendMail{MailID: kept.ID}) // the same mail, tried again
				eventually(t, "sent once more", func() bool { return b.mail(t).SentAt != nil })
			}
			if n := len(office.got()); n != 3 {
				t.Fatalf("%d mails", n)
			}
			ids := []string{office.header(t, 0, "Message-Id"), office.header(t, 1, "Message-Id"), office.header(t, 2, "Message-Id")}
			want := []string{first, strings.Replace(first, "@", "-again-1@", 1), strings.Replace(first, "@", "-again-2@", 1)}
			if !slices.Equal(ids, want) {
				t.Errorf("%q, want %q", ids, want)
			}
			for n := 1; n < 3; n++ {
				if office.header(t, n, "Subject") != office.header(t, 0, "Subject") || office.header(t, n, "Date") == office.header(t, n-1, "Date") {
					t.Errorf("mail %d:\n%s", n, office.got()[n])
				}
			}
			if now := b.mail(t); now.Subject != kept.Subject || now.Body != kept.Body {
				t.Errorf("%+v, was %+v", now, kept)
			}
		})
	}
}

// A mail that is asked for once more while its job is in hand is not lost: the
// job has read its row before.
func TestSendMail_AskedForDuringARun(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := paid(t, kind, openPostOffice(t).smtp())
			pool, postgres, err := b.DB.SQL()
			if err != nil {
				t.Fatal(err)
			}
			by := `jsonb('["somebody"]')`
			if postgres {
				by = `'{somebody}'`
			}
			if _, err := pool.ExecContext(t.Context(), `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = '2026-01-01 00:00:00', attempted_by = `+by); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				b.asks(t, models.SendMail{MailID: b.mail(t).ID})
			}
			if got := b.jobs(t, "send_mail"); len(got) != 2 || got[1].State != rivertype.JobStateAvailable {
				t.Errorf("%d jobs", len(got))
			}
		})
	}
}

// shippable is a bench whose order is paid, and whose first mail is sent.
func shippable(t *testing.T, kind string) (*bench, *postOffice) {
	t.Helper()
	office := openPostOffice(t)
	b := paid(t, kind, office.smtp())
	stop := run(t, b.Runner)
	eventually(t, "sent", func() bool { return b.mail(t).SentAt != nil })
	stop()
	return b, office
}

// left is the mail that says that the goods have left.
func (b *bench) left(t *testing.T) models.Mail {
	t.Helper()
	all, err := b.mails.OfOrder(t.Context(), b.order.ID)
	if err != nil || len(all) != 2 || all[1].Kind != models.MailShipped {
		t.Fatalf("%+v %v", all, err)
	}
	return all[1]
}

func (b *bench) ships(t *testing.T, tracking string) {
	t.Helper()
	if err := b.orders.Ship(t.Context(), b.order.ID, "Tui Post", tracking, ann); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) unships(t *testing.T) {
	t.Helper()
	if err := b.orders.Unship(t.Context(), b.order.ID, ann); err != nil {
		t.Fatal(err)
	}
}

func TestShipped_Mails(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b, office := shippable(t, kind)
			b.ships(t, "NZ 12")
			b.ships(t, "NZ 12")
			run(t, b.another(t, office.smtp()))
			eventually(t, "sent", func() bool { return b.left(t).SentAt != nil })
			m := b.left(t)
			for _, part := range []string{"Tui Post", "NZ 12", "2 × Mug", "Nelson 7010", "https://shop.test/orders/" + b.order.Token} {
				if !strings.Contains(m.Body, part) {
					t.Errorf("no %q in %s", part, m.Body)
				}
			}
			// A slip that is found when the mail is gone: the shopper has one mail.
			b.unships(t)
			b.ships(t, "NZ 13")
			b.rest(t)
			if got := b.left(t); got.Body != m.Body || len(office.got()) != 2 {
				t.Errorf("%d mails, %+v", len(office.got()), got)
			}
			if got, want := office.header(t, 1, "Message-Id"), "<order-"+b.order.Number()+"-shipped@shop.test>"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// rest waits until no mail is in hand.
func (b *bench) rest(t *testing.T) {
	t.Helper()
	eventually(t, "no mail in hand", func() bool {
		return !slices.ContainsFunc(b.jobs(t, "send_mail"), func(job *rivertype.JobRow) bool {
			return job.State != rivertype.JobStateCompleted && job.State != rivertype.JobStateScheduled && job.State != rivertype.JobStateCancelled
		})
	})
}

// What was taken back before its mail was written is told when it is so again,
// as it is then, and never when it stays like that.
func TestShipped_PutOff(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b, office := shippable(t, kind)
			b.ships(t, "NZ 12")
			b.unships(t)
			stop := run(t, b.another(t, office.smtp()))
			eventually(t, "put off", func() bool {
				jobs := b.jobs(t, "send_mail")
				return jobs[len(jobs)-1].State == rivertype.JobStateScheduled
			})
			if m := b.left(t); m.Subject != "" || m.SentAt != nil || m.Attempts != 0 || len(office.got()) != 1 {
				t.Fatalf("%+v, %d mails", m, len(office.got()))
			}
			b.ships(t, "NZ 13")
			eventually(t, "sent", func() bool { return b.left(t).SentAt != nil })
			b.rest(t)
			stop()
			if m := b.left(t); !strings.Contains(m.Body, "NZ 13") || strings.Contains(m.Body, "NZ 12") || len(office.got()) != 2 {
				t.Errorf("%d mails, %+v", len(office.got()), m)
			}
		})
	}
}

func TestShipped_NeverAfterAll(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b, office := shippable(t, kind)
			b.ships(t, "NZ 12")
			b.unships(t)
			b.Clock.Pass(models.UnshipFor + time.Minute)
			run(t, b.another(t, office.smtp()))
			eventually(t, "given up", func() bool {
				jobs := b.jobs(t, "send_mail")
				return jobs[len(jobs)-1].State == rivertype.JobStateCancelled
			})
			if m := b.left(t); m.Subject != "" || m.SentAt != nil || len(office.got()) != 1 {
				t.Errorf("%+v, %d mails", m, len(office.got()))
			}
		})
	}
}
