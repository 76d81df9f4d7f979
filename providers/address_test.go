package providers_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"till/providers"
)

func TestCheckBase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ value, problem string }{
		{"https://pay.example", ""},
		{"https://Pay.Example:8443/api/v1/", ""},
		{"HTTPS://pay.example/", ""},
		{"http://127.0.0.1:8081/acme", ""},
		{"http://localhost", ""},
		{"http://[::1]:8081/", ""},
		{"http://sandbox:8081/acme", ""},
		{"", "is required"},
		{"pay.example", "not an absolute"},
		{"//pay.example/v1", "not an absolute"},
		{"/v1", "not an absolute"},
		{"https:pay.example", "not an absolute"},
		{"https://", "not an absolute"},
		{"https://:443", "not an absolute"},
		{"https://pay.example:http", "not an absolute"},
		{"ftp://pay.example", "not an absolute"},
		{"javascript:alert(1)", "not an absolute"},
		{"https://pay.example/\n", "not an absolute"},
		{"https://hunter2@pay.example", "must not hold a user"},
		{"https://u:hunter2@pay.example", "must not hold a user"},
		{"https://pay.example?key=hunter2", "must not hold a user, a query"},
		{"https://pay.example?", "must not hold a user, a query"},
		{"https://pay.example#hunter2", "must not hold a user, a query or a fragment"},
		{"http://pay.example", "must be https: the token travels to it"},
		{"http://93.184.216.34", "must be https"},
		{"http://[2001:db8::1]", "must be https"},
	} {
		u, err := providers.CheckBase("acme", "ACME_BASE_URL", tt.value, "the token")
		switch {
		case tt.problem == "" && (err != nil || u == nil):
			t.Errorf("%q: got %v", tt.value, err)
		case tt.problem == "":
		case err == nil || u != nil:
			t.Errorf("%q: accepted", tt.value)
		case !strings.HasPrefix(err.Error(), "acme: ACME_BASE_URL ") || !strings.Contains(err.Error(), tt.problem) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%q: got %q, want %q", tt.value, err, tt.problem)
		}
	}
}

func TestCheckHosts(t *testing.T) {
	t.Parallel()
	got, err := providers.CheckHosts("acme", "ACME_PAGE_HOSTS", []string{" Pay.Example ", "pay.example:8443", "127.0.0.1:8081", "[::1]:80", "xn--80aa.example"})
	if want := []string{"pay.example", "pay.example:8443", "127.0.0.1:8081", "[::1]:80", "xn--80aa.example"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := providers.CheckHosts("acme", "ACME_PAGE_HOSTS", nil); err != nil || len(got) != 0 {
		t.Errorf("none: got %q, %v", got, err)
	}
	bad := []string{
		"", " ", "https://pay.example", "pay.example/", "pay.example/pay", "u@pay.example", "pay.example?x", "pay.example#x",
		":8443", "pay.example:https", "pay example", "*.pay.example", "*", "pay.example;script-src", "pay.example'", "pay,example", "плата.example", "pay%2eexample",
	}
	for _, host := range bad {
		if got, err := providers.CheckHosts("acme", "ACME_PAGE_HOSTS", []string{host}); err == nil || len(got) != 0 || !strings.HasPrefix(err.Error(), "acme: ACME_PAGE_HOSTS: ") {
			t.Errorf("%q: got %q, %v", host, got, err)
		}
	}
	_, err = providers.CheckHosts("acme", "ACME_PAGE_HOSTS", bad)
	if n := strings.Count(err.Error(), "is not a host"); n != len(bad) {
		t.Errorf("%d problems of %d are told", n, len(bad))
	}
}

func TestNear(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "sandbox": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "10.0.0.7": true, "172.16.0.1": true,
		"192.168.1.1": true, "fd00::1": true, "::ffff:10.0.0.7": true, "fd00::1%eth0": true,
		"": false, "pay.example": false, "localhost.example": false, "93.184.216.34": false, "172.32.0.1": false, "0.0.0.0": false,
		"169.254.169.254": false, "2001:db8::1": false, "2001:db8::1%eth0": false, "::ffff:93.184.216.34": false,
	} {
		if providers.Near(host) != want {
			t.Errorf("%q: got %v", host, !want)
		}
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://pay.example/a?b#c":   "https://pay.example",
		"HTTPS://Pay.Example:443/":    "https://pay.example",
		"https://pay.example:/":       "https://pay.example",
		"https://pay.example:80/":     "https://pay.example:80",
		"https://pay.example:8443":    "https://pay.example:8443",
		"http://pay.example:80":       "http://pay.example",
		"http://pay.example:443":      "http://pay.example:443",
		"http://[::1]:8081/x":         "http://[::1]:8081",
		"https://[2001:DB8::443]/":    "https://[2001:db8::443]",
		"https://u:p@pay.example/":    "https://pay.example",
		"https://pay.example.evil/":   "https://pay.example.evil",
		"https://pay.example@evil/":   "https://evil",
		"https://pay.example%2f.evil": "",
	} {
		u, err := url.Parse(address)
		if err != nil {
			if want != "" {
				t.Errorf("%q: %v", address, err)
			}
			continue
		}
		if got := providers.Origin(u); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		base  string
		hosts []string
		known []string
		want  []string
	}{
		{"https://api.example/v1", nil, nil, []string{"https://api.example"}},
		{
			"https://api.example/v1",
			[]string{"pay.example", "pay.example:443", "api.example"},
			[]string{"https://docs.example"},
			[]string{"https://api.example", "https://docs.example", "https://pay.example"},
		},
		{
			"http://127.0.0.1:8081/acme",
			[]string{"pay.example:8443"},
			nil,
			[]string{"http://127.0.0.1:8081", "http://pay.example:8443", "https://pay.example:8443"},
		},
	} {
		base, err := url.Parse(tt.base)
		if err != nil {
			t.Fatal(err)
		}
		if got := providers.Origins(base, tt.hosts, tt.known...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.base, got, tt.want)
		}
	}
}
