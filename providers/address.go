package providers

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// CheckBase reads a provider's base URL from its setting, or says what is wrong
// with it without saying what it is: it may hold a password. It must be https,
// except on a host that is [Near]; cargo is what would be read on the way
// otherwise, such as "the client secret".
func CheckBase(provider, setting, value, cargo string) (*url.URL, error) {
	u, err := url.Parse(value)
	switch {
	case value == "":
		return nil, fmt.Errorf("%s: %s is required", provider, setting)
	case err != nil, u.Hostname() == "", u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s: %s is not an absolute http or https address", provider, setting)
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return nil, fmt.Errorf("%s: %s must not hold a user, a query or a fragment", provider, setting)
	case u.Scheme == "http" && !Near(u.Hostname()):
		return nil, fmt.Errorf("%s: %s must be https: %s travels to it", provider, setting, cargo)
	default:
		return u, nil
	}
}

// CheckHosts reads the hosts of a setting, each with a port where it is not the
// scheme's own.
func CheckHosts(provider, setting string, in []string) ([]string, error) {
	var problems []error
	hosts := make([]string, 0, len(in))
	for _, s := range in {
		host := strings.ToLower(strings.TrimSpace(s))
		u, err := url.Parse("https://" + host)
		if err != nil || u.Host != host || u.Hostname() == "" || strings.ContainsFunc(host, notInHost) {
			problems = append(problems, fmt.Errorf("%s: %s: %.80q is not a host", provider, setting, s))
			continue
		}
		hosts = append(hosts, host)
	}
	return hosts, errors.Join(problems...)
}

// notInHost reports whether a character can be in no host. Origins end up in a
// header where others have a meaning of their own.
func notInHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:[]", r)
}

// Near reports whether a host is this machine or one of a private network,
// where a sandbox may run without a certificate.
func Near(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsLoopback() || ip.IsPrivate()
	}
	return host != "" && !strings.Contains(host, ".")
}

// Origin is the scheme and host of an address in lower case, without the port
// that the scheme has anyway.
func Origin(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + strings.TrimSuffix(host, ":")
}

// Origins lists the origins of the pages that may be trusted with a buyer: the
// base URL's own, those that are known besides, and the hosts of a setting by
// https or by the scheme of the base URL, which is http with a sandbox.
func Origins(base *url.URL, hosts []string, known ...string) []string {
	all := append([]string{Origin(base)}, known...)
	for _, host := range hosts {
		for _, scheme := range []string{"https", base.Scheme} {
			all = append(all, Origin(&url.URL{Scheme: scheme, Host: host}))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
