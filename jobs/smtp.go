package jobs

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"till/providers"
)

const (
	portSubmission  = 587
	portSubmissions = 465
	smtpFor         = 20 * time.Second // for one step of a conversation
	smtpRefused     = 500              // and above: not now and not later
)

// ErrSender is returned by ParseSMTP for a sender that is none.
var ErrSender = errors.New("is no sender like \"Shop <hello@shop.example>\"")

// errRecipient is returned for a mail whose recipient the server refuses for
// good.
var errRecipient = errors.New("the recipient is refused")

// SMTP is the server that mails are handed to.
type SMTP struct {
	Host     string
	Port     int
	Implicit bool // TLS from the first byte; else STARTTLS
	Plain    bool // no TLS at all, for a relay on the same machine or network
	User     string
	Password providers.Secret
	From     netmail.Address
}

// ParseSMTP reads smtp://user:password@host:587 (STARTTLS, which must succeed),
// smtps://host:465 (TLS from the start) and smtp://host:25?tls=off. A port that
// is missing is 587 or 465. from is an address as in a mail's header.
//
// The error is a sentence about the address, or ErrSender, and never holds a
// part of the address that may be a credential.
func ParseSMTP(address, from string) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("is not an address like smtp://user:password@host:587 or smtps://host:465; special characters of a password are written as %40 and so on")
	}
	s := &SMTP{Host: u.Hostname(), Port: portSubmission, Implicit: u.Scheme == "smtps", User: u.User.Username()}
	if s.Implicit {
		s.Port = portSubmissions
	}
	if port := u.Port(); port != "" {
		if s.Port, err = strconv.Atoi(port); err != nil || s.Port < 1 || s.Port > 65535 {
			return nil, errors.New("has a port that is none")
		}
	}
	password, _ := u.User.Password()
	s.Password = providers.Secret(password)
	query := u.Query()
	s.Plain = query.Get("tls") == "off"
	query.Del("tls")
	switch {
	case len(query) > 0, u.Query().Has("tls") && !s.Plain:
		return nil, errors.New("has something behind its question mark that is not tls=off")
	case s.Plain && s.Implicit:
		return nil, errors.New("is smtps, which is nothing but TLS, with tls=off")
	case s.Plain && s.User != "":
		return nil, errors.New("has a user and tls=off: the password would travel in the clear")
	case (s.User == "") != (s.Password == ""):
		return nil, errors.New("has a user without a password, or a password without a user")
	}
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, ErrSender
	}
	s.From = *sender
	return s, nil
}

// poster is nil, and not a nil pointer in an interface, without a server.
func poster(s *SMTP) sender {
	if s == nil {
		return nil
	}
	return s
}

// send hands one mail to the server.
func (s *SMTP) send(ctx context.Context, l letter) error {
	client, err := gomail.NewClient(s.Host, s.options()...)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.FromFormat(s.From.Name, s.From.Address); err != nil {
		return fmt.Errorf("smtp: sender: %w", err)
	}
	if err := msg.To(l.to); err != nil {
		return fmt.Errorf("smtp: %w", errRecipient) // the library's own error holds the address
	}
	msg.Subject(l.subject)
	msg.SetMessageIDWithValue(l.id)
	msg.SetDateWithValue(l.at)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, l.text)
	if l.html != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, l.html)
	}
	return refused(client.DialAndSendWithContext(ctx, msg))
}

func (s *SMTP) options() []gomail.Option {
	opts := []gomail.Option{gomail.WithTimeout(smtpFor), gomail.WithTLSPolicy(gomail.TLSMandatory)}
	switch {
	case s.Implicit:
		opts = append(opts, gomail.WithSSL())
	case s.Plain:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.User != "" {
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(string(s.Password)))
	}
	return append(opts, gomail.WithPort(s.Port))
}

// refused tells a recipient that is refused for good from what may be tried
// again. What a server says about a recipient repeats the address, so that only
// its code is kept.
func refused(err error) error {
	var e *gomail.SendError
	if !errors.As(err, &e) || e.Reason != gomail.ErrSMTPRcptTo {
		return err
	}
	if e.ErrorCode() >= smtpRefused {
		return fmt.Errorf("smtp: %w (code %d)", errRecipient, e.ErrorCode())
	}
	return fmt.Errorf("smtp: the recipient is not taken now (code %d)", e.ErrorCode())
}
