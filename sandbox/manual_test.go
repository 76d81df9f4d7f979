package sandbox_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// manualOf is all that a person can read about a provider.
func manualOf(t *testing.T, provider string) string {
	t.Helper()
	var all strings.Builder
	for _, file := range []string{provider + "/README.md", "README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func TestManual_NamesEverythingThatCanBeSet(t *testing.T) {
	s := setup(t)
	for _, p := range s.sandbox.Providers("http://127.0.0.1:8081") {
		manual := manualOf(t, p.Name)
		for _, f := range p.Faults {
			short := strings.TrimPrefix(f.Name, "callback_") // where a list says so once
			if !regexp.MustCompile("[`\\s(](" + f.Name + "|" + short + ")[`\\s)*]").MatchString(manual) {
				t.Errorf("%s: the fault %s is not in the manual", p.Name, f.Name)
			}
		}
		for _, set := range p.Settings {
			value := strings.TrimPrefix(set.Value, "http://127.0.0.1:8081")
			if !strings.Contains(manual, "`"+value+"`") && !strings.Contains(manual, value+"`") && !strings.HasPrefix(value, "-----BEGIN") {
				t.Errorf("%s: %s is not in the manual", p.Name, set.Name)
			}
		}
	}
}

// Every example of the manual is taken as it stands there.
func TestManual_ExamplesWork(t *testing.T) {
	k := setup(t).at("gate")
	k.paid("o1", 1250)
	manual, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^\{"provider".*\}$`).FindAllString(string(manual), -1)
	if len(rules) < 5 {
		t.Errorf("only %d rules", len(rules))
	}
	for _, body := range rules {
		k.control("POST", "/faults", body).want(201)
	}
	k.control("DELETE", "/faults", "").want(200)
	rows := regexp.MustCompile("(?m)^\\| `(GET|POST|DELETE) /control([^`]*)`[^|]*\\| ?(?:`([^`]*)`)?[^|]*\\|").FindAllStringSubmatch(string(manual), -1)
	if len(rows) < 18 {
		t.Errorf("only %d requests", len(rows))
	}
	path := strings.NewReplacer("{ref}", "o1", "deliveries/{id}", "deliveries/d1", "{id}", "1")
	done := map[string]bool{}
	for _, row := range rows {
		if row[3] == `{"decision":"approve"}` {
			k.create("o2", want{minor: 990})
			row[2] = strings.Replace(row[2], "{ref}", "o2", 1)
		}
		if row[1] == "POST" && strings.HasSuffix(row[2], "/release") && strings.Contains(row[2], "{id}") {
			k.fault("callback_held", `"order":"o1","times":1`)
			k.decide("o1", "chargeback").want(200)
			row[2] = strings.Replace(row[2], "{id}", k.held(), 1)
		}
		r := k.control(row[1], path.Replace(row[2]), row[3])
		if r.status != 200 && r.status != 201 {
			t.Errorf("%s %s %s: %d %s", row[1], row[2], row[3], r.status, r.body)
		}
		done[row[2]] = true
	}
	equal(t, "requests", len(done), 15)
}

// held is a delivery that is held.
func (k *till) held() string {
	k.t.Helper()
	for _, d := range k.deliveries() {
		if d.State == "held" {
			return d.ID
		}
	}
	k.t.Fatal("nothing is held")
	return ""
}

// Every fault of every provider can be chosen on the console and by the
// control, with nothing but its defaults.
func TestFaults_EachCanBeChosen(t *testing.T) {
	s := setup(t)
	for _, p := range s.sandbox.Providers(s.base) {
		page := s.send("GET", "/console/faults?provider="+p.Name, "").want(200)
		for _, f := range p.Faults {
			page.has(`name="fault" value="` + f.Name + `"`)
			s.control("POST", "/faults", `{"provider":"`+p.Name+`","fault":"`+f.Name+`"}`).want(201)
		}
		equal(t, p.Name+" rules", len(s.sandbox.Rules()), len(p.Faults))
		s.send("GET", "/console/faults?provider="+p.Name, "").want(200)
		s.send("GET", "/", "").want(200)
		s.control("DELETE", "/faults", "").want(200)
		if len(p.Faults) < 30 {
			t.Errorf("%s has only %d faults", p.Name, len(p.Faults))
		}
	}
	s.send("GET", "/console/faults?provider=acme", "").want(404)
}
