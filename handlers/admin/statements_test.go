package admin

import (
	"bytes"
	"encoding/csv"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
)

// ledger is a shop that took NZD 25.00 four times, and gave NZD 10.00 of the
// first back: acme-1 to acme-4. Whoever is at it is a manager.
type ledger struct {
	*bench
	t *testing.T
	w *browser
}

func ledgers(t *testing.T, test func(t *testing.T, s *ledger)) {
	t.Helper()
	each(t, func(t *testing.T, b *bench) {
		b.zoned(t)
		var first models.Payment
		for i := range 4 {
			_, pay := b.paid(t, nil)
			if i == 0 {
				first = pay
			}
		}
		now, err := b.pages.Payments.ByID(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		back := now.Amount
		back.Minor = 1000
		_, _, err = b.pages.Payments.Record(t.Context(), models.Change{
			PaymentID: now.ID, Version: now.Version, Cause: models.Cause{Actor: "provider", Source: "callback 9"},
			Facts: []models.Fact{{Kind: models.FactRefundReserved, Amount: back}, {Kind: models.FactRefunded, Amount: back}},
		})
		if err != nil {
			t.Fatal(err)
		}
		b.staff(t, managerEmail, models.RoleManager)
		test(t, &ledger{b, t, b.signedIn(t, managerEmail)})
	})
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sends posts a file.
func (s *ledger) sends(w *browser, provider, name string, raw []byte) *httptest.ResponseRecorder {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("provider", provider); err != nil {
		s.t.Fatal(err)
	}
	if name != "" {
		file, err := form.CreateFormFile("file", name)
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := file.Write(raw); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://shop.test"+statementsURL, &body)
	r.RemoteAddr = w.host
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	out := httptest.NewRecorder()
	w.engine.ServeHTTP(out, r)
	return out
}

// asked sends a sample and returns the address of the page that asks what its
// columns are.
func (s *ledger) asked(name string) string {
	s.t.Helper()
	got := s.sends(s.w, "acme", name, sample(s.t, name))
	want(s.t, got, http.StatusSeeOther)
	to := got.Header().Get("Location")
	if !strings.HasPrefix(to, statementsURL+"/uploads/") {
		s.t.Fatalf("leads to %s", to)
	}
	return to
}

// german is how the German sample is read.
func (s *ledger) german(at, do string) url.Values {
	form := hiddenIn(s.t, s.w.get(at), at)
	for name, value := range map[string]string{
		"ref": "Referenz", "amount": "Betrag", "fee": "Gebühr", "net": "Netto", "in": "nzd", "date": "Buchungstag", "layout": "02.01.2006", "kind": "Art",
		"others": "Auszahlung", "decimal": "comma", "do": do,
	} {
		form.Set(name, value)
	}
	return form
}

// readIn reads the German sample in and returns its page.
func (s *ledger) readIn() string {
	s.t.Helper()
	at := s.asked("statement_de.csv")
	got := s.w.post(at, s.german(at, "read"))
	want(s.t, got, http.StatusSeeOther)
	return got.Header().Get("Location")
}

func (s *ledger) rows() string {
	s.t.Helper()
	var all []string
	for _, table := range []string{"uploads", "statements", "statement_lines", "fees", "statement_mappings", "audit"} {
		all = append(all, table+" "+strconv.Itoa(s.count(s.t, table)))
	}
	return strings.Join(all, ", ")
}

// refuses checks an answer, and that nothing was written.
func (s *ledger) refuses(do func() *httptest.ResponseRecorder, status int, texts ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	before := s.rows()
	got := do()
	want(s.t, got, status, texts...)
	if after := s.rows(); after != before {
		s.t.Errorf("it was refused and changed something:\nbefore %s\nafter  %s", before, after)
	}
	return got
}

// From a file to what it comes to.
func TestStatements(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		want(t, s.w.get(statementsURL), http.StatusOK, "No file was read in yet", "Read in a file", "Acme <Pay>")
		at := s.asked("statement_de.csv")
		got := s.w.get(at)
		want(t, got, http.StatusOK, "Which column is what", "statement_de.csv, 5 lines. Nothing was read in yet.", "Guessed from the names of the columns",
			`value="Referenz" selected`, `value="Betrag" selected`, `value="Gebühr" selected`, `value="Netto" selected`, `value="Buchungstag" selected`,
			`value="02.01.2006" selected`, `value="Art" selected`, `value="Auszahlung"`, `value="NZD"`, "In the file:", "Zahlung",
			"All 5 lines can be read", "NZD 1,234.50")
		if n := s.count(t, "statements"); n != 0 {
			t.Fatal("read in before anybody said so")
		}
		want(t, s.w.post(at, s.german(at, "look")), http.StatusOK, "Read like this", "All 5 lines can be read. These are the first. They are of 7 March 2026.")
		wantAway(t, s.w.post(at, s.german(at, "read")), statementURL(1))
		if n := s.count(t, "uploads"); n != 0 {
			t.Error("the file is kept after it was read in")
		}
		page := s.w.get(statementURL(1))
		want(t, page, http.StatusOK, "Read in: 5 lines of statement_de.csv.", managerEmail, "2026-03-07", "Differs", "acme-2", "NZD 24.00", "Theirs only", "nobody-knows", "NZD 1,234.50")
		want(t, s.w.get(statementURL(1)+"?list=agreed"), http.StatusOK, "acme-1", "NZD 24.25", "payout-1", "Something else")
		ours := s.w.get(statementURL(1) + "?list=ours")
		want(t, ours, http.StatusOK, "these, 2026-03-07, and no file", "Captured", "Refunded", "NZD 10.00")
		if n := strings.Count(ours.Body.String(), `data-testid="fact"`); n != 4 { // three payments and the refund
			t.Errorf("%d of ours only", n)
		}
		lacks(t, s.w.get(statementURL(1)+"?list=ours&figures=tests"), "Captured")
		want(t, s.w.get(statementsURL), http.StatusOK, "statement_de.csv", "5 lines", managerEmail)
		// the next one is filled in as this one was
		next := s.sends(s.w, "acme", "april.csv", bytes.ReplaceAll(sample(t, "statement_de.csv"), []byte(".03."), []byte(".04.")))
		want(t, next, http.StatusSeeOther)
		want(t, s.w.get(next.Header().Get("Location")), http.StatusOK, "Filled in as the last file of this provider was read.", `value="Auszahlung"`)
		// and one with other columns is guessed again
		want(t, s.w.get(s.asked("statement_en.csv")), http.StatusOK, "Guessed from the names", `value="Transaction ID" selected`, `value="refund"`, "All 3 lines can be read")
	})
}

// The totals of a page are those of its file and of the ledger.
func TestStatement_Totals(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		page := seen(s.w.get(s.readIn()))
		for verdict, texts := range map[string][]string{
			"agreed":      {">2<", "NZD -15.00", "NZD 0.75", "NZD -15.75"}, // a payment and the payout
			"differs":     {">1<", "NZD 24.00", "NZD 0.72", "NZD 23.28"},
			"theirs_only": {">2<", "NZD 1,235.50", "NZD 0.00"},
			"ours_only":   {">4<", "NZD 65.00", "not known"},
		} {
			_, row, ok := strings.Cut(page, `data-testid="total" data-verdict="`+verdict+`"`)
			row, _, _ = strings.Cut(row, "</tr>")
			row = strings.ReplaceAll(row, "-NZD ", "NZD -")
			for _, text := range texts {
				if !ok || !strings.Contains(row, text) {
					t.Errorf("%s lacks %q in %s", verdict, text, row)
				}
			}
		}
	})
}

// A file that is none, or not whose it says, is refused beside its field and not
// kept.
func TestSendStatement_Refused(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		for name, f := range map[string]struct {
			provider, file string
			raw            []byte
			texts          []string
		}{
			"no file":       {"acme", "", nil, []string{"Choose a file that is not empty"}},
			"empty":         {"acme", "x.csv", nil, []string{"Choose a file that is not empty"}},
			"a picture":     {"acme", "x.csv", sample(t, "statement_picture.csv"), []string{"This file cannot be read: it is not text in UTF-8. It was not kept."}},
			"too long":      {"acme", "x.csv", bytes.Repeat([]byte("a,b\n"), models.MaxStatement/4+1), []string{"it is longer than 10 MB"}},
			"ragged":        {"acme", "x.csv", []byte("a,b\n1\n"), []string{"line 2"}},
			"no provider":   {"", "x.csv", []byte("a,b\n1,2\n"), []string{"Choose whose file it is", "Choose the file again"}},
			"of a stranger": {"stranger", "x.csv", []byte("a,b\n1,2\n"), []string{"Choose whose file it is"}},
		} {
			t.Run(name, func(t *testing.T) {
				got := s.refuses(func() *httptest.ResponseRecorder { return s.sends(s.w, f.provider, f.file, f.raw) }, http.StatusUnprocessableEntity, f.texts...)
				if f.provider == "acme" {
					want(t, got, http.StatusUnprocessableEntity, `value="acme" selected`)
				}
			})
		}
		s.refuses(func() *httptest.ResponseRecorder { return s.sends(s.w, "acme", "x.csv", make([]byte, maxUpload)) }, http.StatusRequestEntityTooLarge, "That was too much")
		s.refuses(func() *httptest.ResponseRecorder { return s.w.post(statementsURL, url.Values{"provider": {"acme"}}) }, http.StatusBadRequest)
	})
}

// A line that cannot be read is said with its number, its column and its value,
// and what was typed stays.
func TestReadStatement_Refused(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		at := s.asked("statement_de.csv")
		good := s.german(at, "read")
		for name, f := range map[string]struct {
			field, value string
			texts        []string
		}{
			"no reference":     {"ref", "", []string{"Choose a column"}},
			"no such column":   {"amount", "Summe", []string{"The file has no column of this name"}},
			"twice":            {"fee", "Betrag", []string{"This column is chosen twice"}},
			"no currency":      {"in", "XX", []string{"Type the three letters of a currency"}},
			"of a column":      {"currency", "Netto", []string{"This column is chosen twice"}},
			"is no currency":   {"currency", "Art", []string{"This column is chosen twice"}},
			"no layout":        {"layout", "Monday", []string{"Choose how days are written"}},
			"another layout":   {"layout", "2006-01-02", []string{"Line 2, column “Buchungstag”: “07.03.2026” is not a day written as 2026-11-21"}},
			"points":           {"decimal", "point", []string{"Line 2, column “Betrag”: “25,00” is not an amount written as 1,234.56"}},
			"no decimals":      {"decimal", "none", []string{"Choose how amounts are written"}},
			"two few decimals": {"in", "JPY", []string{"Line 2, column “Gebühr”: “0,75” is not an amount of JPY"}},
			"a word twice":     {"refunds", "Storno, AUSZAHLUNG", []string{"“Auszahlung” stands in two of these", "Storno, AUSZAHLUNG"}},
		} {
			t.Run(name, func(t *testing.T) {
				form := url.Values{}
				for k, v := range good {
					form[k] = v
				}
				form.Set("fees", "Kontoführung <b>")
				form.Set(f.field, f.value)
				got := s.refuses(func() *httptest.ResponseRecorder { return s.w.post(at, form) }, http.StatusUnprocessableEntity, append(f.texts, "There is a problem", `value="Kontoführung <b>"`)...)
				lacks(t, got, "All 5 lines")
			})
		}
		french := s.asked("statement_fr.csv")
		form := hiddenIn(t, s.w.get(french), french)
		for name, value := range map[string]string{"ref": "Référence", "amount": "Montant", "currency": "Devise", "date": "Date", "layout": "02/01/2006", "decimal": "point", "do": "read"} {
			form.Set(name, value)
		}
		s.refuses(func() *httptest.ResponseRecorder { return s.w.post(french, form) }, http.StatusUnprocessableEntity,
			"Line 3, column “Montant”: “25.O0” is not an amount written as 1,234.56", "These can be read, and not all that follow.")
	})
}

// The same file twice says so and leads to the first, at every step.
func TestStatements_Twice(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		at := s.asked("statement_de.csv")
		if again := s.asked("statement_de.csv"); again != at {
			t.Errorf("sent twice, it waits twice: %s and %s", at, again)
		}
		form := s.german(at, "read")
		other := s.signedIn(t, ownerEmail)
		got := s.sends(other, "acme", "mine.csv", sample(t, "statement_de.csv"))
		want(t, got, http.StatusSeeOther)
		theirs := got.Header().Get("Location")
		want(t, other.get(theirs), http.StatusOK, "mine.csv")
		wantAway(t, s.w.get(theirs), statementsURL) // somebody else's
		want(t, s.w.get(statementsURL), http.StatusOK, "That file is not kept here any more")
		wantAway(t, s.w.post(at, form), statementURL(1))
		before := s.rows()
		wantAway(t, s.w.post(at, form), statementURL(1)) // the button twice
		want(t, s.w.get(statementURL(1)), http.StatusOK, "This file was read in before, by "+managerEmail+". Nothing was read in a second time.")
		wantAway(t, other.post(theirs, form), statementURL(1)) // the colleague, a moment later
		if after := s.rows(); after != before {
			t.Errorf("before %s\nafter  %s", before, after)
		}
		s.refuses(func() *httptest.ResponseRecorder {
			return s.sends(s.w, "acme", "again.csv", sample(t, "statement_de.csv"))
		}, http.StatusConflict,
			"This file was read in before, as statement_de.csv", `href="/admin/statements/1"`)
	})
}

// Twenty times the button at once is one statement.
func TestReadStatement_Crowd(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		at := s.asked("statement_de.csv")
		form := s.german(at, "read")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				w := s.browser()
				for name, value := range s.w.cookies {
					w.cookies[name] = value
				}
				if got := w.post(at, form); got.Code != http.StatusSeeOther || got.Header().Get("Location") != statementURL(1) {
					t.Errorf("%d to %s", got.Code, got.Header().Get("Location"))
				}
			})
		}
		wg.Wait()
		if got := s.rows(); !strings.HasPrefix(got, "uploads 0, statements 1, statement_lines 5, fees 1, statement_mappings 1, ") {
			t.Error(got)
		}
	})
}

// A file waits for an hour, and can be thrown away.
func TestUpload_Gone(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		at := s.asked("statement_de.csv")
		form := s.german(at, "read")
		wantAway(t, s.w.post(at+"/forget", nil), statementsURL)
		want(t, s.w.get(statementsURL), http.StatusOK, "The file was thrown away. Nothing of it was read in.")
		if n := s.count(t, "uploads"); n != 0 {
			t.Error("it is still kept")
		}
		wantAway(t, s.w.post(at, form), statementsURL)
		want(t, s.w.get(statementsURL), http.StatusOK, "That file is not kept here any more")
		at = s.asked("statement_de.csv")
		s.Clock.Pass(models.UploadLife)
		wantAway(t, s.w.get(at), statementsURL)
		wantAway(t, s.w.post(at, form), statementsURL)
		if n := s.count(t, "statements"); n != 0 {
			t.Error("it was read in")
		}
		want(t, s.w.get(statementsURL+"/uploads/x"), http.StatusSeeOther)
		want(t, s.w.get(statementURL(7)), http.StatusNotFound)
		want(t, s.w.get(statementsURL+"/07"), http.StatusNotFound)
	})
}

func TestRemoveStatement(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		at := s.readIn()
		want(t, s.w.get(at), http.StatusOK, at+"/remove")
		want(t, s.w.get(at+"/remove"), http.StatusOK, "Remove <bdi>statement_de.csv</bdi>", "Its 5 lines are forgotten")
		wantAway(t, s.w.post(at+"/remove", nil), statementsURL)
		want(t, s.w.get(statementsURL), http.StatusOK, "Removed: statement_de.csv of Acme <Pay>. It can be read in again.", "No file was read in yet")
		if got := s.rows(); !strings.HasPrefix(got, "uploads 0, statements 0, statement_lines 0, fees 0, ") {
			t.Error(got)
		}
		before := s.rows()
		wantAway(t, s.w.post(at+"/remove", nil), statementsURL)
		want(t, s.w.get(statementsURL), http.StatusOK, "There is no such file any more. Nothing was changed now.")
		if after := s.rows(); after != before {
			t.Errorf("removed twice: %s, then %s", before, after)
		}
		at = s.readIn()
		s.Clock.Pass(24 * time.Hour)
		s.closeDays(t)
		s.w = s.signedIn(t, managerEmail)
		wantAway(t, s.w.post(at+"/remove", nil), statementsURL)
		want(t, s.w.get(closesURL), http.StatusOK, "NZD 1.47") // the closed day stays
		s.Clock.Pass(24 * time.Hour)
		s.closeDays(t)
		s.w = s.signedIn(t, managerEmail)
		want(t, s.w.get(closesURL), http.StatusOK, "-NZD 1.47")
	})
}

func TestExportStatement(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		at := s.readIn()
		take := func(list string) []string {
			t.Helper()
			got := s.w.post(at+"/export", url.Values{"list": {list}})
			want(t, got, http.StatusOK)
			rows, err := csv.NewReader(got.Body).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, r := range rows[1:] {
				all = append(all, strings.Join(r[:len(r)-1], "|"))
			}
			return all
		}
		for list, want := range map[string][]string{
			"agreed": {"agreed|2|taken|acme-1|2026-03-07|NZD|25.00|0.75|24.25", "agreed|5|other|payout-1|2026-03-07|NZD|-40.00|0.00|-40.00"},
			"theirs": {
				"differs|3|taken|acme-2|2026-03-07|NZD|24.00|0.72|23.28", "theirs_only|4|taken|nobody-knows|2026-03-07|NZD|1234.50|0.00|1234.50",
				`theirs_only|6|taken|'=HYPERLINK("x")|2026-03-07|NZD|1.00|0.00|1.00`,
			},
			"ours": {
				"ours_only||captured|acme-2|2026-03-07|NZD|25.00||", "ours_only||captured|acme-3|2026-03-07|NZD|25.00||", "ours_only||captured|acme-4|2026-03-07|NZD|25.00||",
				"ours_only||refunded||2026-03-07|NZD|-10.00||",
			},
		} {
			if got := take(list); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s:\n%s", list, strings.Join(got, "\n"))
			}
		}
		if n := s.count(t, "audit WHERE action = 'statement_exported'"); n != 3 {
			t.Errorf("%d lines of audit", n)
		}
		s.refuses(func() *httptest.ResponseRecorder { return s.w.post(at+"/export", url.Values{"list": {"all"}}) }, http.StatusBadRequest)
	})
}

// Everybody may look; a manager or the owner reads in, removes and takes out.
func TestStatements_Rights(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		s.staff(t, clerkEmail, models.RoleClerk)
		at := s.readIn()
		waits := s.asked("statement_en.csv")
		const lack = "Whoever reads statements of providers and banks in needs the role manager or owner."
		for _, email := range []string{viewerEmail, clerkEmail} {
			w := s.signedIn(t, email)
			list := w.get(statementsURL)
			want(t, list, http.StatusOK, "statement_de.csv")
			lacks(t, list, "Read in a file", `type="file"`)
			for _, tab := range []string{"", "?list=agreed", "?list=ours", "?list=theirs"} {
				page := w.get(at + tab)
				want(t, page, http.StatusOK, "statement_de.csv")
				lacks(t, page, "Remove this file", "Download as CSV")
			}
			s.refuses(func() *httptest.ResponseRecorder { return s.sends(w, "acme", "x.csv", sample(t, "statement_en.csv")) }, http.StatusForbidden, lack)
			for _, path := range []string{waits, at + "/remove"} {
				s.refuses(func() *httptest.ResponseRecorder { return w.get(path) }, http.StatusForbidden, lack)
				s.refuses(func() *httptest.ResponseRecorder { return w.post(path, nil) }, http.StatusForbidden, lack)
			}
			s.refuses(func() *httptest.ResponseRecorder { return w.post(waits+"/forget", nil) }, http.StatusForbidden, lack)
			s.refuses(func() *httptest.ResponseRecorder { return w.post(at+"/export", url.Values{"list": {"ours"}}) }, http.StatusForbidden,
				"Whoever takes lists out of the house needs the role manager or owner.")
		}
		owner := s.signedIn(t, ownerEmail)
		want(t, owner.get(statementsURL), http.StatusOK, "Read in a file")
		wantAway(t, owner.post(at+"/remove", nil), statementsURL)
		want(t, s.browser().get(statementsURL), http.StatusSeeOther)
	})
}

// A session that was over: of the form for a file the provider stays, of the one
// for columns everything.
func TestStatements_Draft(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		at := s.asked("statement_de.csv")
		form := s.german(at, "read")
		form.Set("fees", "Kontoführung")
		s.over(t)
		got := s.refuses(func() *httptest.ResponseRecorder { return s.w.post(at, form) }, http.StatusUnauthorized)
		in := hiddenIn(t, got, loginURL)
		in.Set("email", managerEmail)
		in.Set("password", password)
		wantAway(t, s.w.post(loginURL, in), at)
		want(t, s.w.get(at), http.StatusOK, unsent, `value="Kontoführung"`, "Read like this")

		s.over(t)
		got = s.refuses(func() *httptest.ResponseRecorder { return s.sends(s.w, "acme", "x.csv", sample(t, "statement_en.csv")) }, http.StatusUnauthorized)
		in = hiddenIn(t, got, loginURL)
		in.Set("email", managerEmail)
		in.Set("password", password)
		wantAway(t, s.w.post(loginURL, in), statementsURL)
		want(t, s.w.get(statementsURL), http.StatusOK, "You were signed out before the file came, and it was not kept. Choose it again.", `value="acme" selected`)
	})
}

// Long lists turn, and lead through every line once.
func TestStatement_Pages(t *testing.T) {
	ledgers(t, func(t *testing.T, s *ledger) {
		var file strings.Builder
		file.WriteString("ref,amount\n")
		for i := range 230 {
			file.WriteString("nobody-" + strconv.Itoa(i) + ",1.00\n")
		}
		for range 120 {
			file.WriteString("acme-2,1.00\n")
		}
		got := s.sends(s.w, "acme", "long.csv", []byte(file.String()))
		at := got.Header().Get("Location")
		form := hiddenIn(t, s.w.get(at), at)
		for name, value := range map[string]string{"ref": "ref", "amount": "amount", "in": "NZD", "decimal": "point", "do": "read"} {
			form.Set(name, value)
		}
		wantAway(t, s.w.post(at, form), statementURL(1))
		rows := func(path, part string) int {
			_, page, _ := strings.Cut(s.w.get(path).Body.String(), `data-testid="`+part+`"`)
			if part == "differs" {
				page, _, _ = strings.Cut(page, `data-testid="theirs"`)
			}
			return strings.Count(page, `data-testid="line"`)
		}
		first := statementURL(1) + "?list=theirs"
		second := link(t, seen(s.w.get(first)), "next")
		third := link(t, seen(s.w.get(second)), "next")
		if a, b, c := rows(first, "theirs"), rows(second, "theirs"), rows(third, "theirs"); a != 100 || b != 100 || c != 30 {
			t.Errorf("%d, %d and %d lines", a, b, c)
		}
		lacks(t, s.w.get(third), `rel="next"`)
		if a, b := rows(first, "differs"), rows(first+"&differs=330", "differs"); a != 100 || b != 20 {
			t.Errorf("%d and %d lines that differ", a, b)
		}
		want(t, s.w.get(first), http.StatusOK, "differs=330", "names no days")
		want(t, s.w.get(statementURL(1)+"?list=ours"), http.StatusOK, "The file names no days, so nobody can say what it lacks.")
		want(t, s.w.get(first+"&after=x&differs=-3"), http.StatusOK, "nobody-0")
	})
}

// over ends every session, as time would.
func (s *ledger) over(t *testing.T) {
	t.Helper()
	pool, _, err := s.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), "UPDATE staff_sessions SET expires_at = created_at"); err != nil {
		t.Fatal(err)
	}
}
