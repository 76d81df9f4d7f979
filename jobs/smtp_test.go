package jobs

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/riverqueue/river/rivertype"

	"till/models"
	"till/models/modelstest"
	"till/providers"
)

// postOffice is a mail server without TLS that keeps what it gets.
type postOffice struct {
	ln net.Listener

	mu    sync.Mutex
	mails []string
	rcpt  string // what a recipient is answered with
}

func openPostOffice(t *testing.T) *postOffice {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &postOffice{ln: ln, rcpt: "250 fine"}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { o.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return o
}

func (o *postOffice) smtp() *SMTP {
	at, _ := o.ln.Addr().(*net.TCPAddr)
	return &SMTP{Host: "127.0.0.1", Port: at.Port, Plain: true, From: netmail.Address{Name: "Kauri & Clay", Address: "hello@shop.test"}}
}

func (o *postOffice) answerRecipients(with string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rcpt = with
}

func (o *postOffice) got() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.mails...)
}

func (o *postOffice) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 test ESMTP")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); verb {
		case "EHLO":
			say("250-test\r\n250 8BITMIME")
		case "RCPT":
			o.mu.Lock()
			rcpt := o.rcpt
			o.mu.Unlock()
			say(rcpt)
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for lines.Scan() && lines.Text() != "." {
				b.WriteString(lines.Text() + "\n")
			}
			o.mu.Lock()
			o.mails = append(o.mails, b.String())
			o.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// paid is a bench whose order is paid and whose mail is one job.
func paid(t *testing.T, kind string, smtp *SMTP) *bench {
	t.Helper()
	b := setup(t, modelstest.Open(t, kind), smtp)
	p := b.start(t)
	b.pay.say(providers.Paid, nil)
	if _, err := b.cashier.Settle(t.Context(), p.ID, models.Cause{Actor: "shopper", Source: "return page"}); err != nil {
		t.Fatal(err)
	}
	if got := b.jobs(t, "send_mail"); len(got) != 1 {
		t.Fatalf("%d jobs to send a mail", len(got))
	}
	return b
}

func (b *bench) mail(t *testing.T) models.Mail {
	t.Helper()
	all, err := b.mails.OfOrder(t.Context(), b.order.ID)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v %v", all, err)
	}
	return all[0]
}

func TestMail_SentOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			office := openPostOffice(t)
			b := paid(t, kind, office.smtp())
			run(t, b.Runner)
			done := func(n int) func() bool {
				return func() bool {
					jobs := b.jobs(t, "send_mail")
					return len(jobs) == n && !slices.ContainsFunc(jobs, func(job *rivertype.JobRow) bool { return job.State != rivertype.JobStateCompleted })
				}
			}
			eventually(t, "job done", done(1))
			if b.mail(t).SentAt == nil {
				t.Fatal("not marked as sent")
			}
			mails := office.got()
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			msg, err := netmail.ReadMessage(strings.NewReader(mails[0]))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"From": `"Kauri & Clay" <hello@shop.test>`, "To": "<ann@example.test>", "Auto-Submitted": "auto-generated",
				"Message-Id": "<order-" + b.order.Number() + "-order_paid@shop.test>",
			} {
				if got := msg.Header.Get(name); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			if !strings.HasPrefix(msg.Header.Get("Content-Type"), "multipart/alternative") {
				t.Error(msg.Header.Get("Content-Type"))
			}

			b.asks(t, models.SendMail{MailID: b.mail(t).ID}) // the job again
			eventually(t, "the second job done", done(2))
			if n := len(office.got()); n != 1 {
				t.Errorf("%d mails after the job ran twice", n)
			}
		})
	}
}

// What was kept when a mail was first tried is what is sent, though the same rows
// would be written otherwise by now: the shop has another name and address.
func TestMail_WhatIsKeptIsSent(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			office := openPostOffice(t)
			office.answerRecipients("451 come back")
			b := paid(t, kind, office.smtp())
			stop := run(t, b.Runner)
			eventually(t, "tried", func() bool { return len(b.jobs(t, "send_mail")[0].Errors) == 1 })
			stop()
			kept := b.mail(t)
			office.answerRecipients("250 fine")
			moved := shop
			moved.Name, moved.PublicURL = "Another name", "https://another.test"
			later, err := New(Options{DB: b.DB, Cashier: b.cashier, Shop: moved, SMTP: office.smtp(), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			run(t, later)
			eventually(t, "sent", func() bool { return b.mail(t).SentAt != nil })
			mails := office.got()
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			msg, err := netmail.ReadMessage(strings.NewReader(mails[0]))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
			if err != nil || subject != kept.Subject {
				t.Errorf("subject %q %v, kept %q", subject, err, kept.Subject)
			}
			if got, want := strings.TrimSpace(string(body)), strings.TrimSpace(kept.Body); got != want || want == "" {
				t.Errorf("sent\n%s\nkept\n%s", got, want)
			}
			if strings.Contains(mails[0], "Another name") || !strings.HasPrefix(msg.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("something else was sent beside it:\n%s", mails[0])
			}
			if after := b.mail(t); after.Subject != kept.Subject || after.Body != kept.Body {
				t.Errorf("kept %+v, was %+v", after, kept)
			}
		})
	}
}

// Of two that write the same mail at once the first is kept, and sent by both.
func TestMail_KeptOnce(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		if _, err := b.cashier.Settle(t.Context(), b.start(t).ID, models.Cause{Actor: "shopper", Source: "return page"}); err != nil {
			t.Fatal(err)
		}
		b.pay.say(providers.Paid, nil)
		if _, err := b.cashier.Settle(t.Context(), b.payment, models.Cause{Actor: "shopper", Source: "return page"}); err != nil {
			t.Fatal(err)
		}
		id := b.mail(t).ID
		for _, text := range []string{"first", "second"} {
			if err := b.mails.Written(t.Context(), id, text, "the "+text); err != nil {
				t.Fatal(err)
			}
		}
		if m := b.mail(t); m.Subject != "first" || m.Body != "the first" {
			t.Fatalf("%+v", m)
		}
	})
}

func TestMail_Refused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		state        rivertype.JobState
	}{
		{"for good", "550 no such user ann@example.test", rivertype.JobStateCancelled},
		{"for now", "451 come back, ann@example.test", rivertype.JobStateAvailable}, // in 5 s
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			office := openPostOffice(t)
			office.answerRecipients(tt.answer)
			b := paid(t, "sqlite", office.smtp())
			run(t, b.Runner)
			eventually(t, "tried", func() bool {
				job := b.jobs(t, "send_mail")[0]
				return len(job.Errors) == 1 && job.State != rivertype.JobStateRunning
			})
			job := b.jobs(t, "send_mail")[0]
			if job.State != tt.state && (tt.state == rivertype.JobStateCancelled || job.State != rivertype.JobStateRetryable) {
				t.Errorf("job is %s", job.State)
			}
			if strings.Contains(job.Errors[0].Error, "ann@") {
				t.Errorf("the address is in the job's error: %s", job.Errors[0].Error)
			}
			if m := b.mail(t); m.SentAt != nil || m.Subject == "" || m.Attempts == 0 || (m.RefusedAt != nil) != (tt.state == rivertype.JobStateCancelled) {
				t.Errorf("%+v", m)
			}
		})
	}
}

// Without tls=off nothing is said to a server that cannot do TLS.
func TestMail_NeverInTheClear(t *testing.T) {
	t.Parallel()
	office := openPostOffice(t)
	s := office.smtp()
	for _, implicit := range []bool{false, true} {
		s.Plain, s.Implicit = false, implicit
		err := s.send(t.Context(), letter{id: "x@shop.test", to: "ann@example.test", subject: "s", text: "t", html: "h"})
		if err == nil || len(office.got()) != 0 {
			t.Errorf("implicit %v: %v, %d mails", implicit, err, len(office.got()))
		}
	}
}

func TestParseSMTP(t *testing.T) {
	t.Parallel()
	const from = "Kauri & Clay <hello@shop.test>"
	good := map[string]SMTP{
		"smtp://mail.test":                         {Host: "mail.test", Port: 587},
		"smtps://ann:p%40ss@mail.test":             {Host: "mail.test", Port: 465, Implicit: true, User: "ann", Password: "p@ss"},
		"smtp://ann%40mail.test:x@mail.test:2525/": {Host: "mail.test", Port: 2525, User: "ann@mail.test", Password: "x"},
		"smtp://127.0.0.1:1025?tls=off":            {Host: "127.0.0.1", Port: 1025, Plain: true},
	}
	for address, want := range good {
		got, err := ParseSMTP(address, from)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		want.From = netmail.Address{Name: "Kauri & Clay", Address: "hello@shop.test"}
		if *got != want {
			t.Errorf("%s = %+v, want %+v", address, *got, want)
		}
	}
	for _, address := range []string{
		"", "mail.test:587", "http://mail.test", "smtp://", "smtp://ann:hunter2@mail.test:port", "smtp://ann:hunter2@mail.test:99999",
		"smtp://ann:hunter2@mail.test?tls=off", "smtps://mail.test?tls=off", "smtp://mail.test?tls=on", "smtp://mail.test?x=hunter2",
		"smtp://hunter2@mail.test", "smtp://:hunter2@mail.test", "smtp://ann:hunter2 @mail.test", "smtp://ann:hunter2%@mail.test", "smtp://mail.test/hunter2",
	} {
		if s, err := ParseSMTP(address, from); err == nil {
			t.Errorf("%s = %+v", address, s)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", address, err)
		}
	}
	for _, sender := range []string{"", "nobody", "a@b, c@d"} {
		if _, err := ParseSMTP("smtp://mail.test", sender); err == nil {
			t.Errorf("sender %q was taken", sender)
		}
	}
}
