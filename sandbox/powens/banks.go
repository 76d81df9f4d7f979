package powens

import (
	"strings"
	"time"
)

// The executions of a payment.
const (
	instant      = "instant"
	firstOpenDay = "first_open_day"
	deferred     = "deferred"
	periodic     = "periodic"
)

// frequencies are how often a periodic payment is made.
func frequencies() []string {
	return []string{"daily", "weekly", "two-weekly", "monthly", "two-monthly", "quarterly", "four-monthly", "semiannually", "yearly"}
}

// Lengths of a phase of the test connector, in the documents' seconds.
const (
	instantPhase = 15
	slowPhase    = 15 * 60
)

// opens is the hour, in UTC, at which banks execute what waited for a day. OUR
// CHOICE: no hour is documented.
const opens = 8

// testConnector is the UUID of Powens' own test connector.
const testConnector = "338178e6-3d01-564f-9a7b-52ca442459bf"

// bank is a connector of the sandbox.
type bank struct {
	UUID, Name, Note string
	Test             bool     // the label decides what becomes of a payment
	Silent           bool     // payments end as accepted instead of done
	Slow             bool     // instant payments are pending for one phase
	NoCancel         bool     // cancelling is not supported
	AsksToCancel     bool     // the buyer has to approve a cancellation
	Types            []string // executions
}

// banks are all connectors, the usual one first.
func banks() []bank {
	all := []string{firstOpenDay, instant, deferred, periodic}
	return []bank{
		{UUID: "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01", Name: "Banque Azur", Note: "Everything works.", Types: all},
		{UUID: "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e02", Name: "Crédit des Dunes", Note: "Instant payments take a while.", Types: all, Slow: true},
		{UUID: "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e03", Name: "Caisse du Phare", Note: "It takes a payment and never says how it ended.", Types: all, Silent: true, NoCancel: true},
		{UUID: "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e04", Name: "Banque Brume", Note: "A cancellation needs the buyer's word.", Types: all, AsksToCancel: true},
		{UUID: testConnector, Name: "Connecteur de test", Note: "The text on the statement decides: pdng, canc, rjct, err, bug, done.", Types: all, Test: true},
	}
}

func bankOf(uuid string) (bank, bool) {
	for _, b := range banks() {
		if b.UUID == uuid {
			return b, true
		}
	}
	return bank{}, false
}

// purse is an account that a buyer has at a demo bank.
type purse struct {
	Key, Name, Note string
	// Code is why it cannot pay, empty for one that can.
	Code string
}

func purses() []purse {
	return []purse{
		{Key: "current", Name: "Compte courant", Note: "Enough money for anything."},
		{Key: "empty", Name: "Livret vide", Note: "Not enough money.", Code: "insufficientFunds"},
		{Key: "limit", Name: "Compte jeune", Note: "The bank refuses the amount.", Code: "invalidAmount"},
		{Key: "closed", Name: "Compte fermé", Note: "Payments cannot leave from here.", Code: "invalidEmitter"},
		{Key: "forgot", Name: "Code oublié", Note: "The buyer does not get past the bank's questions.", Code: "authenticationFailed"},
	}
}

func purseOf(key string) (purse, bool) {
	for _, one := range purses() {
		if one.Key == key {
			return one, true
		}
	}
	return purse{}, false
}

// stage is a state that a payment gets to, after a wait.
type stage struct {
	wait         time.Duration
	state, code  string
	because      string
	untilOpening string // a date: the wait is until banks open on it
}

// bank is a payment's bank: the usual one until the buyer chooses.
func (*Provider) bank(o *payment) bank {
	if b, ok := bankOf(o.connector); ok {
		return b
	}
	return banks()[0]
}

// journey is what becomes of a payment once the buyer has approved it.
func (p *Provider) journey(o *payment) []stage {
	b, in := p.bank(o), o.request.Instruction
	if b.Test && in.Type != periodic {
		return p.grammar(in)
	}
	end := stage{state: done, because: "the bank moved the money"}
	if b.Silent {
		end = stage{state: accepted, because: "the bank took it and will say no more"}
	}
	wait := stage{state: pending, because: "the bank has it"}
	switch {
	case in.Type == periodic && b.Silent:
		return []stage{end}
	case in.Type == periodic && in.End == "":
		return []stage{{state: pending, because: "the bank pays again and again"}}
	case in.Type == periodic:
		wait.because = "the bank pays again and again"
		end.because, end.untilOpening = "the bank made the last payment", in.End
	case in.Type == deferred:
		end.untilOpening = in.Date
	case in.Type == firstOpenDay:
		end.untilOpening = firstOpen(p.world.Clock.Now()).Format(dateLayout)
	case b.Slow:
		end.wait = p.phase(in.Type)
	default:
		return []stage{end}
	}
	return []stage{wait, end}
}

// grammar is the journey that the label tells the test connector: up to three
// states, parted by slashes, before " - ". Without a final one it ends done.
func (p *Provider) grammar(in instruction) []stage {
	finals := map[string]stage{
		"canc": {state: rejected, code: byUser, because: "the label said canc"},
		"rjct": {state: rejected, code: "noSpecifiedReason", because: "the label said rjct"},
		"err":  {state: rejected, code: "invalidAmount", because: "the label said err"},
		"bug":  {state: rejected, code: "bug", because: "the label said bug"},
		"done": {state: done, because: "the label said done"},
	}
	end := stage{state: done, because: "the label said nothing else"}
	var stages []stage
	var wait time.Duration
	words, _, found := strings.Cut(in.Label, " - ")
	tokens := strings.Split(words, "/")
	if !found || len(tokens) > 3 {
		return []stage{end}
	}
	for _, token := range tokens {
		if token == "pdng" {
			stages = append(stages, stage{wait: wait, state: pending, because: "the label said pdng"})
			wait = p.phase(in.Type)
			continue
		}
		final, known := finals[token]
		if !known {
			return []stage{end}
		}
		end = final
		break
	}
	end.wait = wait
	return append(stages, end)
}

// phase is how long a state of the test connector lasts.
func (p *Provider) phase(kind string) time.Duration {
	if kind == instant {
		return instantPhase * p.config.PhaseUnit
	}
	return slowPhase * p.config.PhaseUnit
}

// firstOpen is the first day after now's on which banks are open: no Saturday
// and no Sunday. OUR CHOICE: the sandbox knows no bank holidays.
func firstOpen(now time.Time) time.Time {
	day := now.UTC()
	for {
		day = day.AddDate(0, 0, 1)
		if d := day.Weekday(); d != time.Saturday && d != time.Sunday {
			return day
		}
	}
}

// due is how long a stage waits from now.
func (s stage) due(now time.Time) time.Duration {
	if s.untilOpening == "" {
		return s.wait
	}
	day, err := time.Parse(dateLayout, s.untilOpening)
	if err != nil {
		return s.wait
	}
	return max(0, day.Add(opens*time.Hour).Sub(now))
}

// settings is a connector's payment_settings.
func (b bank) settings() map[string]any {
	untracked := []string{}
	if b.Silent {
		untracked = b.Types
	}
	return map[string]any{
		"available_validate_mechanisms": []string{"webauth"}, "beneficiary_types": []string{"iban"}, "execution_date_types": b.Types,
		"execution_frequencies": frequencies(), "maximum_number_of_instructions": 1, "providing_payer_account": "not_used",
		"partial_status_tracking": untracked, "is_app_to_app_used": map[string]bool{"android": false, "ios": false},
		"bank_provides_payer_account": false, "bank_provides_payer_label": false,
		"transfer_date_types_where_trusted_beneficiary_required": []string{}, "cancellation_available": !b.NoCancel,
		"minimum_amount": nil, "maximum_amount": map[string]any{}, "minimum_date_delta_days": 1, "maximum_date_delta_days": 365,
	}
}

// flattened is the same as some captures show it: a list of one is bare text,
// an empty list is null or an empty object.
func flattened(settings map[string]any) map[string]any {
	settings["available_validate_mechanisms"], settings["beneficiary_types"] = "webauth", "iban"
	settings["partial_status_tracking"] = nil
	settings["execution_frequencies"] = map[string]any{}
	return settings
}
