package static

import (
	"strconv"
	"strings"
)

// encoding is a content coding by its name in HTTP.
type encoding string

const (
	identity    encoding = "identity"
	brotliCoded encoding = "br"
	gzipCoded   encoding = "gzip"
)

// choose picks the coding a browser likes best among those we have; where it
// likes two alike, the smaller. A browser that refuses all, identity too, gets
// identity: RFC 9110, 12.5.3 allows it, and a page without style helps nobody.
func choose(accept string, have map[encoding][]byte) encoding {
	weights := parseAccept(accept)
	best, most := identity, 0
	for _, enc := range []encoding{brotliCoded, gzipCoded, identity} {
		if _, ok := have[enc]; !ok {
			continue
		}
		if w := weights.of(enc); w > most {
			best, most = enc, w
		}
	}
	return best
}

// weights are quality values in thousandths, by coding. "*" is for those that
// are not named.
type weights map[string]int

// of is 0 for a coding that must not be sent. Identity is welcome unless it is
// refused, but less so than anything that is named.
func (w weights) of(enc encoding) int {
	if q, ok := w[string(enc)]; ok {
		return q
	}
	if q, ok := w["*"]; ok {
		return q
	}
	if enc == identity {
		return 1
	}
	return 0
}

// parseAccept reads an Accept-Encoding header. What it cannot read it leaves
// out: RFC 9110, 12.5.3.
func parseAccept(header string) weights {
	out := weights{}
	for field := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(field, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if name == "x-gzip" {
			name = string(gzipCoded)
		}
		if q, ok := quality(params); ok {
			out[name] = q
		}
	}
	return out
}

// quality reads " q=0.5" as 500. Nothing at all is 1000.
func quality(params string) (int, bool) {
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		return thousandths(strings.TrimSpace(value))
	}
	return 1000, true
}

// thousandths reads a qvalue: 0 or 1 with at most three decimals.
func thousandths(s string) (int, bool) {
	whole, decimals, _ := strings.Cut(s, ".")
	if len(decimals) > 3 || whole != "0" && whole != "1" {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+decimals+"000"[len(decimals):], 10, 16)
	if err != nil || n > 1000 {
		return 0, false
	}
	return int(n), true
}
