package admin

import (
	"strconv"

	"till/views/ui"
)

// SettingsPage is what can be changed about the shop while it runs, and what
// was.
type SettingsPage struct {
	Frame    Frame
	CanSave  bool
	Logo     string // digest; empty when there is none
	Version  int64  // as it is saved
	Form     SettingsForm
	Now      []Now  // what is saved where something else was typed
	Refused  string // why what was asked for was not done; empty when nothing was
	LogoBad  string // what is wrong with the file that was sent
	History  []SettingsChange
	Older    string // cursor for ?before=; empty when there is none
	Elsewhen bool   // the history does not begin at its newest line
}

// SettingsForm is what was typed, and what is wrong with it by the name of the
// field.
type SettingsForm struct {
	Version                                                                  int64
	Name, Headline, Intro, Contact, Address, Receipt, TaxName, TaxRate, Zone string
	Open, OpenUnit, Keep, KeepUnit, Rule, Warning                            string
	Zones                                                                    []string
	Limits                                                                   []ProductPrice
	Problems                                                                 map[string]string
}

// SettingsChange is one line of the history.
type SettingsChange struct {
	At   When
	Who  string
	What []string
}

func (p SettingsPage) page() ui.Page {
	return ui.Page{Name: "admin-settings", Title: "Settings", Quiet: true, Problem: p.Refused != "" || len(p.problems()) > 0}
}

// fields are the names of the form's fields, in the order of the page.
func (f SettingsForm) fields() []string {
	all := []string{"name", "headline", "intro", "contact", "address", "receipt", "tax-name", "tax-rate", "zone", "open", "keep", "rule", "warning"}
	for _, one := range f.Limits {
		all = append(all, "limit-"+one.Currency)
	}
	return all
}

func (p SettingsPage) problems() (all []ui.FieldProblem) {
	if p.LogoBad != "" {
		all = append(all, ui.FieldProblem{Field: "picture", Text: p.LogoBad})
	}
	for _, name := range p.Form.fields() {
		if text := p.Form.Problems[name]; text != "" {
			all = append(all, ui.FieldProblem{Field: name, Text: text})
		}
	}
	return all
}

func (f SettingsForm) field(name, label, value, hint string, most int) ui.Field {
	return ui.Field{Name: name, Label: label, Value: value, Hint: hint, MaxLength: most, Problem: f.Problems[name], Autocomplete: "off"}
}

func (f SettingsForm) name() ui.Field {
	one := f.field("name", "Name of the shop", f.Name, "On every page, receipt and mail.", 100)
	one.Required = true
	return one
}

func (f SettingsForm) optional(name, label, value, hint string, most int) ui.Field {
	one := f.field(name, label, value, hint, most)
	one.Optional = true
	return one
}

func (f SettingsForm) contact() ui.Field {
	one := f.optional("contact", "E-mail address for questions", f.Contact, "Shoppers see it at the foot of pages and in mails.", 254)
	one.Type = "email"
	return one
}

func (f SettingsForm) number(name, label, value, hint string) ui.Field {
	one := f.field(name, label, value, hint, 12)
	one.InputMode, one.Narrow = "decimal", true
	return one
}

func (f SettingsForm) zone() ui.Choice {
	c := ui.Choice{
		Name: "zone", Label: "Time zone", Value: f.Zone, Problem: f.Problems["zone"],
		Hint: "Of all times and days. From now on days are cut here; days that were counted already stay as they were cut.",
	}
	for _, one := range f.Zones {
		c.Options = append(c.Options, ui.Option{Value: one, Label: one})
	}
	return c
}

func unitChoice(name, label, value string) ui.Choice {
	c := ui.Choice{Name: name, Label: label, Value: value}
	for _, one := range []string{"seconds", "minutes", "hours", "days"} {
		c.Options = append(c.Options, ui.Option{Value: one, Label: one})
	}
	return c
}

func (f SettingsForm) rule() ui.Choice {
	return ui.Choice{
		Name: "rule", Label: "Reserved money that nobody has taken a day before the reservation lapses", Value: f.Rule, Problem: f.Problems["rule"],
		Options: []ui.Option{
			{Value: "void", Label: "Give it back", Hint: "The reservation is released. The shopper is not charged."},
			{Value: "capture", Label: "Take it", Hint: "The whole reserved amount is taken."},
			{Value: "keep", Label: "Do nothing", Hint: "Staff are told; the bank releases it by itself when it lapses."},
		},
	}
}

func (f SettingsForm) limit(o ProductPrice) ui.Field {
	return ui.Field{
		Name: "limit-" + o.Currency, Label: o.Currency, Value: o.Typed, Problem: f.Problems["limit-"+o.Currency], InputMode: "decimal", Autocomplete: "off", MaxLength: 20, Narrow: true,
	}
}

func (f SettingsForm) version() string { return strconv.FormatInt(f.Version, 10) }

func (p SettingsPage) savedVersion() string { return strconv.FormatInt(p.Version, 10) }

// facts are the settings for those who may only look.
func (p SettingsPage) facts() []Now {
	f := p.Form
	all := []Now{
		{"Name of the shop", f.Name},
		{"Headline", f.Headline},
		{"Introduction", f.Intro},
		{"E-mail address for questions", f.Contact},
		{"Address", f.Address},
		{"Text below receipts", f.Receipt},
		{"Tax", f.TaxName + " " + f.TaxRate + " %"},
		{"Time zone", f.Zone},
		{"Orders wait for their money", f.Open + " " + f.OpenUnit},
		{"Pieces are kept", f.Keep + " " + f.KeepUnit},
		{"Reservations that are about to lapse", f.Rule},
		{"Staff are told", f.Warning + " days before"},
	}
	for _, one := range f.Limits {
		text := "no limit"
		if one.Typed != "" {
			text = "above " + one.Typed
		}
		all = append(all, Now{"Refunds in " + one.Currency + " that need a second person", text})
	}
	return all
}
