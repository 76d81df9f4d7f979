package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"till/cashier"
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
		c.Shop.Currencies[0] != "NZD" || len(c.Shop.Currencies) != 3 || c.Shop.Demo || c.Hold != cashier.HoldVoid {
		t.Errorf("%+v", c)
	}
}

func TestConfig_Everything(t *testing.T) {
	t.Parallel()
	c, problems := load(t, "TILL_SECRET="+testSecret, "TILL_ADDR=:8080", "TILL_PUBLIC_URL=https://shop.example/", "TILL_DATABASE=postgres://till:p%40ss@db/till",
		"TILL_CURRENCIES=SBD, JPY", "TILL_TIMEZONE=Pacific/Auckland", "TILL_SHOP_NAME=Kauri & Clay", "TILL_SHOP_CONTACT=hello@shop.example",
		"TILL_SMTP_URL=smtps://ann:secret@mail.example", "TILL_MAIL_FROM=Kauri & Clay <hello@shop.example>", "TILL_HOLD_RULE=capture",
		"IUMICASH_BASE_URL=https://api.iumi.cash", "IUMICASH_CLIENT_ID=shop", "IUMICASH_CLIENT_SECRET=s1", "IUMICASH_CALLBACK_SECRETS=s2,s3",
		"IUMICASH_CURRENCIES=SBD", "IUMICASH_PAID_STATUSES=completed", "IUMICASH_APPROVE_HOSTS=pay.iumi.cash",
		"POWENS_BASE_URL=https://shop.biapi.pro/2.0", "POWENS_CLIENT_ID=shop", "POWENS_CLIENT_SECRET=s1", "POWENS_WEBHOOK_KEY=s2,s3",
		"POWENS_WEBHOOK_PATH=/powens", "POWENS_WEBHOOK_TOLERANCE=5m", "POWENS_WEBVIEW_URL=https://webview.powens.com/fr/payment",
		"POWENS_LINKS_URL=https://payment-links.powens.com/api/payment-links", "POWENS_EXECUTION=deferred", "POWENS_EXECUTION_DAYS=3",
		"POWENS_ACCEPTED=paid", "POWENS_CURRENCIES=EUR,CHF", "POWENS_BENEFICIARY_IBAN=FR76 3000 6000 0112 3456 7890 189", "POWENS_BENEFICIARY_LABEL=Kauri",
		"POWENS_BENEFICIARY_ORG_NAME=Kauri", "POWENS_BENEFICIARY_ORG_LEGAL_STATUS=SAS", "POWENS_BENEFICIARY_ORG_ADDRESS=1 rue Verte", "POWENS_BENEFICIARY_SIREN=732829320",
		"PGM_BASE_URL=https://pay.example/v3", "PGM_METHODS=stripe/credit-cards, nexi/credit-cards", "PGM_LABEL=Card by Kauri", "PGM_SECRET=s1", "PGM_SECRET_HEADER=client-key",
		"PGM_CALLBACK_SECRET=sixteen-letters-or-more,sixteen-letters-and-more", "PGM_PAGE_HOSTS=xpay.example",
		"GATE_BASE_URL=https://gate.decta.com/api/v0.6", "GATE_SECRET_KEY=s1", "GATE_CALLBACK_TOKEN=sixteen-letters-or-more", "GATE_CALLBACK_VERIFY=hmac",
		"GATE_CALLBACK_KEY=s2,s3", "GATE_CAPTURE=manual", "GATE_CURRENCIES=GBP", "GATE_PAGE_HOSTS=pay.example", "GATE_LABEL=Cardaq", "GATE_BRAND=b1", "GATE_TEST=true",
		"GATE_MAX_ATTEMPTS=3", "GATE_HOLD_DAYS=6",
		"VERTEX_BASE_URL=https://gateway.stage.vertexgateway.com/api/v1", "VERTEX_TOKEN=s1", "VERTEX_SHOP_ID=115", "VERTEX_CALLBACK_SECRET=s2,s3",
		"VERTEX_SIGN_MODE=concat", "VERTEX_CAPTURE=manual", "VERTEX_MAIL=gateway", "VERTEX_CURRENCIES=PHP", "VERTEX_PAGE_HOSTS=pay.example")
	if problems != nil {
		t.Fatal(problems)
	}
	var on []string
	for _, a := range c.Providers {
		on = append(on, fmt.Sprintf("%s %v reserves=%v hook=%s", a.Label(), a.Currencies(), a.reserves, a.hook))
	}
	if want := []string{
		"iumiCash [SBD] reserves=false hook=", "Powens [EUR CHF] reserves=false hook=/powens",
		"Card by Kauri [EUR] reserves=false hook=/callbacks/pgm/{PGM_CALLBACK_SECRET}", "Cardaq [GBP] reserves=true hook=",
		"Vertex Gateway [PHP] reserves=true hook=",
	}; !slices.Equal(on, want) {
		t.Errorf("%q", on)
	}
	if c.Shop.PublicURL != "https://shop.example" || c.Shop.Location.String() != "Pacific/Auckland" || c.SMTP.Port != 465 ||
		fmt.Sprint(c.Shop.Currencies) != "[SBD JPY]" || c.Providers[0].Currencies()[0] != money.Currency("SBD") || !c.Shop.Secure() || c.Hold != cashier.HoldCapture {
		t.Errorf("%+v", c)
	}
}

// A first start takes one round, not eight; and whatever is wrong, no problem
// and no printed config holds a secret.
func TestConfig_AllProblemsAtOnceAndNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	c, problems := load(t, "TILL_SECRET="+secret, "TILL_ADDR=0.0.0.0:http", "TILL_DATABASE=mysql://till:"+secret+"@db/till", "TILL_CURRENCIES=NZD,XXX,NZD",
		"TILL_TIMEZONE=Auckland", "TILL_SHOP_CONTACT=nobody", "TILL_SMTP_URL=smtp://ann:"+secret+"@mail.example?tls=off", "TILL_MAIL_FROM=nobody", "TILL_HOLD_RULE=sell",
		"IUMICASH_BASE_URL=http://ann:"+secret+"@api.iumi.cash", "IUMICASH_CLIENT_SECRET="+secret, "IUMICASH_CALLBACK_SECRETS="+secret+",,", "IUMICASH_CURRENCIES=KWD",
		"IUMICASH_PAID_STATUSES=created",
		"POWENS_BASE_URL=https://shop.biapi.pro", "POWENS_CLIENT_SECRET="+secret, "POWENS_WEBHOOK_KEY="+secret+",,", "POWENS_WEBHOOK_TOLERANCE=soon",
		"POWENS_EXECUTION=later", "POWENS_EXECUTION_DAYS=none", "POWENS_ACCEPTED=never", "POWENS_BENEFICIARY_SIREN=732829321",
		"PGM_BASE_URL=http://ann:"+secret+"@pay.example/v3", "PGM_SECRET="+secret, "PGM_CALLBACK_SECRET="+secret, "PGM_METHODS=adyen/credit-cards",
		"GATE_SECRET_KEY="+secret, "GATE_CALLBACK_TOKEN="+secret+"!", "GATE_CALLBACK_VERIFY=rsa", "GATE_CALLBACK_KEY="+secret, "GATE_CAPTURE=sometimes", "GATE_TEST=perhaps",
		"GATE_MAX_ATTEMPTS=0", "GATE_HOLD_DAYS=29",
		"VERTEX_TOKEN="+secret, "VERTEX_SHOP_ID=ours", "VERTEX_CALLBACK_SECRET=,"+secret, "VERTEX_SIGN_MODE=md5", "VERTEX_CAPTURE=by hand", "VERTEX_MAIL=nobody", "VERTEX_CURRENCIES=XXX")
	text := strings.Join(problems, "\n")
	for _, name := range []string{
		"TILL_SECRET", "TILL_ADDR", "TILL_PUBLIC_URL", "TILL_DATABASE", "TILL_CURRENCIES", "TILL_TIMEZONE", "TILL_SHOP_CONTACT", "TILL_HOLD_RULE", "TILL_SMTP_URL",
		"IUMICASH_BASE_URL", "IUMICASH_CLIENT_ID", "IUMICASH_CALLBACK_SECRETS", "IUMICASH_CURRENCIES", "IUMICASH_PAID_STATUSES",
		"POWENS_BASE_URL", "POWENS_CLIENT_ID", "POWENS_WEBHOOK_KEY", "POWENS_WEBHOOK_TOLERANCE", "POWENS_EXECUTION:", "POWENS_EXECUTION_DAYS", "POWENS_ACCEPTED",
		"POWENS_BENEFICIARY_IBAN", "POWENS_BENEFICIARY_SIREN", "PGM_BASE_URL", "PGM_METHODS", "PGM_CALLBACK_SECRET",
		"GATE_BASE_URL", "GATE_CALLBACK_TOKEN", "GATE_CALLBACK_KEY", "GATE_CAPTURE", "GATE_TEST", "GATE_MAX_ATTEMPTS", "GATE_HOLD_DAYS",
		"VERTEX_BASE_URL", "VERTEX_SHOP_ID", "VERTEX_CALLBACK_SECRET", "VERTEX_SIGN_MODE", "VERTEX_CAPTURE", "VERTEX_MAIL", "VERTEX_CURRENCIES",
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
		"TILL_MAIL_FROM=a@shop.example", "IUMICASH_BASE_URL=https://api.iumi.cash", "IUMICASH_CLIENT_ID=shop", "IUMICASH_CLIENT_SECRET="+secret, "IUMICASH_CALLBACK_SECRETS="+secret,
		"POWENS_BASE_URL=https://shop.biapi.pro/2.0", "POWENS_CLIENT_ID=shop", "POWENS_CLIENT_SECRET="+secret, "POWENS_WEBHOOK_KEY="+secret,
		"POWENS_BENEFICIARY_IBAN=FR7630006000011234567890189", "POWENS_BENEFICIARY_LABEL=Kauri",
		"POWENS_BENEFICIARY_ORG_NAME=Kauri", "POWENS_BENEFICIARY_ORG_LEGAL_STATUS=SAS", "POWENS_BENEFICIARY_ORG_ADDRESS=1 rue Verte", "POWENS_BENEFICIARY_SIREN=732829320",
		"PGM_BASE_URL=https://pay.example/v3", "PGM_METHODS=satispay/satispay", "PGM_SECRET="+secret+"s", "PGM_CALLBACK_SECRET="+secret,
		"GATE_BASE_URL=https://gate.decta.com/api/v0.6", "GATE_SECRET_KEY="+secret, "GATE_CALLBACK_TOKEN="+secret, "GATE_CALLBACK_VERIFY=hmac", "GATE_CALLBACK_KEY="+secret,
		"VERTEX_BASE_URL=https://gateway.stage.vertexgateway.com/api/v1", "VERTEX_TOKEN="+secret, "VERTEX_SHOP_ID=115", "VERTEX_CALLBACK_SECRET="+secret)
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

func TestConfig_TrustedProxies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value string
		want  []string
		wrong string
	}{
		{"", nil, ""},
		{"10.0.0.0/8", []string{"10.0.0.0/8"}, ""},
		{"127.0.0.1, fd00::/8 ,::1", []string{"127.0.0.1", "fd00::/8", "::1"}, ""},
		{"10.0.0.7/8", nil, "10.0.0.0/8 is"},
		{"0.0.0.0/0", nil, "everybody"},
		{"10.0.0.0/8,::/0", nil, "everybody"},
		{"proxy.example", nil, "no address or network"},
		{"10.0.0.0/33", nil, "no address or network"},
		{"10.0.0.0/8,", nil, "no address or network"},
		{"fe80::1%eth0", nil, "no address or network"},
	} {
		c, problems := load(t, "TILL_SECRET="+testSecret, "TILL_TRUSTED_PROXIES="+tt.value)
		switch {
		case tt.wrong == "" && (problems != nil || !slices.Equal(c.Proxies, tt.want)):
			t.Errorf("%q: %q, %v", tt.value, c.Proxies, problems)
		case tt.wrong != "" && (len(problems) != 1 || !strings.Contains(problems[0], tt.wrong)):
			t.Errorf("%q: %v", tt.value, problems)
		}
	}
}

func TestConfig_HalfAProvider(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"IUMICASH_CLIENT_ID": "shop", "IUMICASH_BASE_URL": "https://api.iumi.cash", "IUMICASH_CURRENCIES": "SBD", "IUMICASH_CALLBACK_SECRETS": "x",
		"POWENS_BENEFICIARY_LABEL": "Kauri", "PGM_METHODS": "satispay/satispay", "GATE_TEST": "true", "VERTEX_CAPTURE": "auto",
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
	got := readSettings([]string{
		"TILL_SECERT=x", "IUMICASH_PAID_STATUS=x", "POWENS_IBAN=x", "PGM_METHOD=x", "GATE_TOKEN=x", "VERTEX_SECRET=x", "VERTEX_TOKEN=x", "TILL_TEST_POSTGRES=x", "TILL_ADDR=x", "PATH=x",
	}).unknown()
	if fmt.Sprint(got) != "[GATE_TOKEN IUMICASH_PAID_STATUS PGM_METHOD POWENS_IBAN TILL_SECERT VERTEX_SECRET]" {
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

// What a provider's configuration says that it is set by is a setting.
func TestSettings_AreThoseOfTheProviders(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../providers/*/config.go")
	if err != nil || len(files) != len(offers()) {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		prefix := strings.ToUpper(filepath.Base(filepath.Dir(file))) + "_"
		for _, name := range regexp.MustCompile(prefix+`[A-Z_]+`).FindAllString(string(raw), -1) {
			if !strings.HasSuffix(name, "_") && !slices.Contains(known(), name) {
				t.Errorf("%s has %s, which cannot be set", file, name)
			}
		}
	}
}

// Till speaks the gateway manager's language, and would ask itself for ever.
func TestConfig_GatewayManagerIsNotTheShop(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"TILL_PUBLIC_URL=http://127.0.0.1:8080", "TILL_ADDR=127.0.0.1:8080"} {
		_, problems := load(t, "TILL_SECRET="+testSecret, own, "PGM_BASE_URL=http://127.0.0.1:8080/api/v3", "PGM_METHODS=satispay/satispay", "PGM_CALLBACK_SECRET=sixteen-letters-or-more")
		if len(problems) != 1 || !strings.Contains(problems[0], "Till would call itself") {
			t.Errorf("%s: %v", own, problems)
		}
	}
}
