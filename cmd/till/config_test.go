package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"till/money"
)

func load(t *testing.T, environ ...string) (config, []string) {
	t.Helper()
	c, err := readSettings(environ).loadConfig(now)
	var p *problemsError
	if errors.As(err, &p) {
		return c, p.lines
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, nil
}

func TestConfig_Defaults(t *testing.T) {
	t.Parallel()
	c, problems := load(t, "TILL_SECRET="+testSecret)
	if problems != nil {
		t.Fatal(problems)
	}
	if c.Addr != "127.0.0.1:8080" || c.Database != "till.db" || c.Shop.PublicURL != "" || c.SMTP != nil || c.Providers != nil ||
		c.Shop.Currencies[0] != "NZD" || len(c.Shop.Currencies) != 3 || c.Shop.Demo {
		t.Errorf("%+v", c)
	}
}

func TestConfig_Everything(t *testing.T) {
	t.Parallel()
	c, problems := load(t, "TILL_SECRET="+testSecret, "TILL_ADDR=:8080", "TILL_PUBLIC_URL=https://shop.example/", "TILL_DATABASE=postgres://till:p%40ss@db/till",
		"TILL_CURRENCIES=SBD, JPY", "TILL_TIMEZONE=Pacific/Auckland", "TILL_SHOP_NAME=Kauri & Clay", "TILL_SHOP_CONTACT=hello@shop.example",
		"TILL_SMTP_URL=smtps://ann:secret@mail.example", "TILL_MAIL_FROM=Kauri & Clay <hello@shop.example>",
		"IUMICASH_BASE_URL=https://api.iumi.cash", "IUMICASH_CLIENT_ID=shop", "IUMICASH_CLIENT_SECRET=s1", "IUMICASH_CALLBACK_SECRETS=s2,s3",
		"IUMICASH_CURRENCIES=SBD", "IUMICASH_PAID_STATUSES=completed", "IUMICASH_APPROVE_HOSTS=pay.iumi.cash")
	if problems != nil {
		t.Fatal(problems)
	}
	if c.Shop.PublicURL != "https://shop.example" || c.Shop.Location.String() != "Pacific/Auckland" || c.SMTP.Port != 465 ||
		fmt.Sprint(c.Shop.Currencies) != "[SBD JPY]" || c.Providers[0].Currencies()[0] != money.Currency("SBD") || !c.Shop.Secure() {
		t.Errorf("%+v", c)
	}
}

// A first start takes one round, not eight; and whatever is wrong, no problem
// and no printed config holds a secret.
func TestConfig_AllProblemsAtOnceAndNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	c, problems := load(t, "TILL_SECRET="+secret, "TILL_ADDR=0.0.0.0:http", "TILL_DATABASE=mysql://till:"+secret+"@db/till", "TILL_CURRENCIES=NZD,XXX,NZD",
		"TILL_TIMEZONE=Auckland", "TILL_SHOP_CONTACT=nobody", "TILL_SMTP_URL=smtp://ann:"+secret+"@mail.example?tls=off", "TILL_MAIL_FROM=nobody",
		"IUMICASH_BASE_URL=http://ann:"+secret+"@api.iumi.cash", "IUMICASH_CLIENT_SECRET="+secret, "IUMICASH_CALLBACK_SECRETS="+secret+",,", "IUMICASH_CURRENCIES=KWD",
		"IUMICASH_PAID_STATUSES=created")
	text := strings.Join(problems, "\n")
	for _, name := range []string{
		"TILL_SECRET", "TILL_ADDR", "TILL_PUBLIC_URL", "TILL_DATABASE", "TILL_CURRENCIES", "TILL_TIMEZONE", "TILL_SHOP_CONTACT", "TILL_SMTP_URL",
		"IUMICASH_BASE_URL", "IUMICASH_CLIENT_ID", "IUMICASH_CALLBACK_SECRETS", "IUMICASH_CURRENCIES", "IUMICASH_PAID_STATUSES",
	} {
		if !strings.Contains(text, name) {
			t.Errorf("%s is wrong, and not named in\n%s", name, text)
		}
	}
	for _, printed := range []string{text, fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%+v %#v", c.Providers, c.SMTP)} {
		if strings.Contains(printed, secret) {
			t.Errorf("it tells a secret: %s", printed)
		}
	}
}

func TestConfig_NoSecretOfAGoodOneIsPrinted(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2-hunter2-hunter2-hunter2"
	c, problems := load(t, "TILL_SECRET="+secret, "TILL_DATABASE=postgres://till:"+secret+"@db/till", "TILL_SMTP_URL=smtp://ann:"+secret+"@mail.example",
		"TILL_MAIL_FROM=a@shop.example", "IUMICASH_BASE_URL=https://api.iumi.cash", "IUMICASH_CLIENT_ID=shop", "IUMICASH_CLIENT_SECRET="+secret, "IUMICASH_CALLBACK_SECRETS="+secret)
	if problems != nil {
		t.Fatal(problems)
	}
	for _, printed := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%+v", c.Providers), fmt.Sprintf("%+v", *c.SMTP), databaseLabel(c.Database)} {
		if strings.Contains(printed, secret) {
			t.Errorf("it tells a secret: %s", printed)
		}
	}
}

func TestConfig_PublicURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		addr, url string
		ok        bool
	}{
		{"127.0.0.1:0", "", true},
		{"localhost:8080", "", true},
		{"[::1]:8080", "", true},
		{":8080", "", false},
		{"0.0.0.0:8080", "", false},
		{"192.168.1.7:8080", "", false},
		{":8080", "https://shop.example", true},
		{":8080", "https://shop.example:8443/", true},
		{":8080", "http://192.168.1.7:8080", true},
		{":8080", "http://shop:8080", true},
		{":8080", "http://shop.example", false},
		{":8080", "shop.example", false},
		{":8080", "ftp://shop.example", false},
		{":8080", "https://shop.example/till", false},
		{":8080", "https://ann:x@shop.example", false},
		{":8080", "https://shop.example?x=1", false},
		{":8080", "https://", false},
	} {
		_, problems := load(t, "TILL_SECRET="+testSecret, "TILL_ADDR="+tt.addr, "TILL_PUBLIC_URL="+tt.url)
		if (len(problems) == 0) != tt.ok {
			t.Errorf("%s %s: %v", tt.addr, tt.url, problems)
		}
	}
}

func TestConfig_HalfAProvider(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"IUMICASH_CLIENT_ID": "shop", "IUMICASH_BASE_URL": "https://api.iumi.cash", "IUMICASH_CURRENCIES": "SBD", "IUMICASH_CALLBACK_SECRETS": "x",
	} {
		if _, problems := load(t, "TILL_SECRET="+testSecret, name+"="+value); len(problems) == 0 {
			t.Errorf("%s alone is no problem", name)
		}
	}
	for name, value := range map[string]string{"TILL_SMTP_URL": "smtp://mail.example", "TILL_MAIL_FROM": "a@shop.example"} {
		if _, problems := load(t, "TILL_SECRET="+testSecret, name+"="+value); len(problems) != 1 {
			t.Errorf("%s alone: %v", name, problems)
		}
	}
}

func TestConfig_Unknown(t *testing.T) {
	t.Parallel()
	got := readSettings([]string{"TILL_SECERT=x", "IUMICASH_PAID_STATUS=x", "TILL_TEST_POSTGRES=x", "TILL_ADDR=x", "PATH=x"}).unknown()
	if fmt.Sprint(got) != "[IUMICASH_PAID_STATUS TILL_SECERT]" {
		t.Error(got)
	}
}

// Every setting is in the manual and in .env.example, and no other is.
func TestSettings_AreWrittenDown(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "#"), "="); ok && strings.ToUpper(name) == name && !strings.Contains(name, " ") {
			written[name] = true
		}
	}
	manual := strings.ReplaceAll(serveCmd{}.Help()+sandboxCmd{}.Help(), "\n", " \n")
	for _, name := range known() {
		if !written[name] {
			t.Errorf("%s is not in .env.example", name)
		}
		if !strings.Contains(manual, "    "+name+" ") {
			t.Errorf("%s is not in the manual", name)
		}
		delete(written, name)
	}
	if len(written) > 0 {
		t.Errorf(".env.example has %v, which are no settings", written)
	}
}
