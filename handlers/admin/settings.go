package admin

import (
	"bufio"
	"cmp"
	_ "embed" // the list of time zones
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	settingsURL = "/admin/settings"
	// changesPerPage is how many lines of the history a page has.
	changesPerPage = 20
	maxOpen        = 366 * 24 * time.Hour
	maxKeep        = 7 * 24 * time.Hour
	maxWarning     = 30 // days
)

// zones.txt is every zone that names a place, from tzdata's zone1970.tab.
//
//go:embed zones.txt
var zoneList string

// zones are the time zones that can be chosen: those known here, and the one
// that is chosen already.
func zones(chosen string) []string {
	all := []string{"UTC"}
	for s := bufio.NewScanner(strings.NewReader(zoneList)); s.Scan(); {
		if _, err := models.Zone(s.Text()); err == nil {
			all = append(all, s.Text())
		}
	}
	if chosen != "" && !slices.Contains(all, chosen) {
		all = append(all, chosen)
	}
	return all
}

// Settings is GET /admin/settings?before=: what can be changed about the shop.
func (h Pages) Settings(c *gin.Context) error {
	now, err := h.settings(c)
	if err != nil {
		return err
	}
	p := h.settingsPage(c, now)
	if typed := h.draft(c, settingsURL); typed != nil {
		if p.Form, _ = h.settingsForm(typed, now); p.Form.Version != now.ID {
			p.Refused = "The settings were changed while you were away. Below is what you had typed."
		}
	}
	return h.showSettings(c, http.StatusOK, p, now)
}

// settings are those that count now, read afresh; where none were ever saved
// they say what the shop goes by.
func (h Pages) settings(c *gin.Context) (models.Settings, error) {
	s, err := h.DB.Current(c.Request.Context())
	if err != nil || s.ID != 0 {
		return s, err
	}
	s = models.Settings{
		ShopName: h.Shop.Name, Headline: h.Shop.Headline, Intro: h.Shop.Intro, Contact: h.Shop.Contact, TimeZone: h.Shop.Location.String(), HoldRule: string(h.Hold),
	}
	return s.OrDefaults(), nil
}

// holdRule is what becomes of a reservation that is about to lapse, as it is now.
func (h Pages) holdRule() page.HoldRule {
	if h.Shop.Live != nil {
		if s := h.Shop.Live(); s.ID != 0 {
			return page.HoldRule(s.HoldRule)
		}
	}
	return page.HoldRule(cmp.Or(h.Hold, cashier.HoldVoid))
}

// SaveSettings is POST /admin/settings.
func (h Pages) SaveSettings(c *gin.Context) error {
	if err := need(c, rightHouse); err != nil {
		return err
	}
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	now, err := h.settings(c)
	if err != nil {
		return err
	}
	typed, s := h.settingsForm(form, now)
	p := h.settingsPage(c, now)
	p.Form = typed
	if len(typed.Problems) > 0 {
		return h.showSettings(c, http.StatusUnprocessableEntity, p, now)
	}
	saved, err := h.DB.SaveSettings(c.Request.Context(), s, by(c).Actor)
	if errors.Is(err, models.ErrStale) {
		return h.staleSettings(c, &typed)
	}
	if err != nil {
		return err
	}
	a := answer{text: "Saved. It counts from now on."}
	if saved.ID == now.ID {
		a.text = "Nothing was changed."
	}
	return h.back(c, settingsURL, a)
}

// staleSettings shows the settings as they are now, and what was typed when
// somebody else was quicker; nil is nothing.
func (h Pages) staleSettings(c *gin.Context, typed *page.SettingsForm) error {
	now, err := h.settings(c)
	if err != nil {
		return err
	}
	p := h.settingsPage(c, now)
	p.Refused = "Somebody else changed the settings while you did. Nothing of yours was saved."
	if typed != nil {
		p.Now = differing(p.Form, *typed)
		p.Form = *typed
		p.Form.Version = now.ID
		p.Refused += " The fields hold what you typed; saving again replaces theirs."
	}
	return h.showSettings(c, http.StatusConflict, p, now)
}

// differing is what is saved where something else was typed.
func differing(is, typed page.SettingsForm) (all []page.Now) {
	differs := func(label, now, typed string) {
		if now != typed {
			all = append(all, page.Now{Label: label, Text: now})
		}
	}
	differs("Name of the shop", is.Name, typed.Name)
	differs("Headline", is.Headline, typed.Headline)
	differs("Introduction", is.Intro, typed.Intro)
	differs("E-mail address for questions", is.Contact, typed.Contact)
	differs("Address", is.Address, typed.Address)
	differs("Text below receipts", is.Receipt, typed.Receipt)
	differs("Time zone", is.Zone, typed.Zone)
	differs("Name of the tax", is.TaxName, typed.TaxName)
	differs("Rate in percent", is.TaxRate, typed.TaxRate)
	differs("An order waits for its money", is.Open+" "+is.OpenUnit, typed.Open+" "+typed.OpenUnit)
	differs("Pieces are kept", is.Keep+" "+is.KeepUnit, typed.Keep+" "+typed.KeepUnit)
	differs("Reservations", is.Rule, typed.Rule)
	differs("Days of warning", is.Warning, typed.Warning)
	for i, one := range is.Limits {
		differs("Refund limit in "+one.Currency, one.Typed, typed.Limits[i].Typed)
	}
	return all
}

// settingsPage is the page with the settings as they are.
func (h Pages) settingsPage(c *gin.Context, s models.Settings) page.SettingsPage {
	f := page.SettingsForm{
		Version: s.ID, Name: s.ShopName, Headline: s.Headline, Intro: s.Intro, Contact: s.Contact, Address: s.Address, Receipt: s.ReceiptText, TaxName: s.TaxName,
		TaxRate: hundredths(s.TaxRate), Zone: s.TimeZone, Zones: zones(s.TimeZone), Rule: s.HoldRule, Warning: strconv.FormatInt(s.HoldWarning, 10),
	}
	f.Open, f.OpenUnit = inUnit(s.OpenFor())
	f.Keep, f.KeepUnit = inUnit(s.KeepFor())
	for _, currency := range h.Shop.Currencies {
		one := page.ProductPrice{Currency: string(currency)}
		if minor, ok := s.Limits[currency]; ok {
			one.Typed = money.Amount{Minor: minor, Currency: currency}.Decimal()
		}
		f.Limits = append(f.Limits, one)
	}
	return page.SettingsPage{CanSave: has(member(c), rightHouse), Logo: s.Logo, Version: s.ID, Form: f}
}

// hundredths is a number of them as it is typed: "12.5".
func hundredths(n int64) string {
	whole, part := n/100, n%100
	if part == 0 {
		return strconv.FormatInt(whole, 10)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%02d", whole, part), "0")
}

// units are those that a length of time is typed in, the longest first.
var units = []struct {
	name string
	unit time.Duration
}{{"days", 24 * time.Hour}, {"hours", time.Hour}, {"minutes", time.Minute}, {"seconds", time.Second}}

// inUnit is a length of time in the longest unit of which it is a whole number.
func inUnit(d time.Duration) (number, unit string) {
	for _, u := range units {
		if d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10), u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10), "seconds"
}

// parseSpan reads a length of time, in whole seconds.
func parseSpan(number, unit string, most time.Duration) (seconds int64, ok bool) {
	n, err := strconv.ParseInt(number, 10, 64)
	for _, u := range units {
		if u.name == unit && err == nil && n >= 1 && n <= int64(most/u.unit) {
			return n * int64(u.unit/time.Second), true
		}
	}
	return 0, false
}

// settingsForm reads what was typed, and what is wrong with it. What the form
// does not have stays as it is.
func (h Pages) settingsForm(form url.Values, now models.Settings) (page.SettingsForm, models.Settings) {
	text := func(name string) string {
		return strings.TrimSpace(strings.ReplaceAll(form.Get(name), "\r\n", "\n"))
	}
	f := page.SettingsForm{
		Version: cursor(form.Get("version")), Name: text("name"), Headline: text("headline"), Intro: text("intro"), Contact: text("contact"), Address: text("address"),
		Receipt: text("receipt"), TaxName: text("tax-name"), TaxRate: text("tax-rate"), Zone: text("zone"), Open: text("open"), OpenUnit: text("open-unit"),
		Keep: text("keep"), KeepUnit: text("keep-unit"), Rule: text("rule"), Warning: text("warning"), Problems: map[string]string{},
	}
	f.Zones = zones(now.TimeZone)
	wrong := func(name, why string) {
		if why != "" {
			f.Problems[name] = why
		}
	}
	wrong("name", unfit(f.Name, 1, 100, false, "Give the shop a name."))
	wrong("headline", unfit(f.Headline, 0, 200, false, ""))
	wrong("intro", unfit(f.Intro, 0, 1000, true, ""))
	wrong("address", unfit(f.Address, 0, 500, true, ""))
	wrong("receipt", unfit(f.Receipt, 0, 1000, true, ""))
	wrong("tax-name", unfit(f.TaxName, 0, 30, false, ""))
	if a, err := mail.ParseAddress(f.Contact); f.Contact != "" && (err != nil || a.Address != f.Contact || len(f.Contact) > 254) {
		wrong("contact", "Write one e-mail address, such as hello@shop.example, or nothing.")
	}
	s := now
	s.ID, s.ShopName, s.Headline, s.Intro, s.Contact = f.Version, f.Name, f.Headline, f.Intro, f.Contact
	s.Address, s.ReceiptText, s.TaxName, s.TimeZone, s.HoldRule = f.Address, f.Receipt, f.TaxName, f.Zone, f.Rule
	s.TaxRate = 0
	if f.TaxRate != "" {
		rate, err := money.ParseDecimal(f.TaxRate, "EUR") // of two decimals, as a rate is
		if err != nil || rate.Minor < 0 || rate.Minor > 10000 {
			wrong("tax-rate", "Write a number from 0 to 100 with at most two decimals, such as 15 or 12.5.")
		}
		s.TaxRate = rate.Minor
	}
	if s.TaxRate > 0 && f.TaxName == "" {
		wrong("tax-name", "Say what the tax is called, such as GST.")
	}
	if _, err := models.Zone(f.Zone); err != nil || !slices.Contains(f.Zones, f.Zone) {
		wrong("zone", "Choose a time zone of the list.")
	}
	var ok bool
	if s.OpenSeconds, ok = parseSpan(f.Open, f.OpenUnit, maxOpen); !ok {
		wrong("open", "Write a whole number of at least 1; 366 days are the most.")
	}
	if s.KeepSeconds, ok = parseSpan(f.Keep, f.KeepUnit, maxKeep); !ok {
		wrong("keep", "Write a whole number of at least 1; 7 days are the most.")
	}
	if !slices.Contains([]string{"void", "capture", "keep"}, f.Rule) {
		wrong("rule", "Choose what becomes of it.")
	}
	warning, err := strconv.ParseInt(f.Warning, 10, 64)
	if err != nil || warning < 1 || warning > maxWarning {
		wrong("warning", "Write a whole number of days from 1 to 30.")
	}
	s.HoldWarning = warning
	s.Limits = models.Limits{}
	for currency, minor := range now.Limits {
		if !slices.Contains(h.Shop.Currencies, currency) {
			s.Limits[currency] = minor
		}
	}
	for _, currency := range h.Shop.Currencies {
		one := page.ProductPrice{Currency: string(currency), Typed: text("limit-" + string(currency))}
		f.Limits = append(f.Limits, one)
		if one.Typed == "" {
			continue
		}
		limit, err := money.ParseDecimal(one.Typed, currency)
		if err != nil || limit.Minor < 0 || limit.Minor > maxPrice {
			wrong("limit-"+one.Currency, one.Currency+": write an amount such as "+money.Amount{Minor: 50000, Currency: currency}.Decimal()+", or nothing for no limit.")
			continue
		}
		s.Limits[currency] = limit.Minor
	}
	return f, s
}

// showSettings draws the page, with the history.
func (h Pages) showSettings(c *gin.Context, status int, p page.SettingsPage, now models.Settings) error {
	from := now.ID
	if before := cursor(c.Query("before")); before > 0 && before < from {
		from, p.Elsewhen = before, true
	}
	rows, err := h.DB.SettingsBefore(c.Request.Context(), from, changesPerPage+1)
	if err != nil {
		return err
	}
	k := h.clock()
	for i, one := range rows {
		if i == changesPerPage {
			p.Older = strconv.FormatInt(one.ID, 10)
			break
		}
		line := page.SettingsChange{At: k.at(one.At), Who: one.Actor, What: []string{"The first settings."}}
		if i+1 < len(rows) {
			line.What = nil
			for _, d := range one.Differences(rows[i+1]) {
				line.What = append(line.What, d.Name+": "+orNone(d.Before)+" → "+orNone(d.After))
			}
		}
		p.History = append(p.History, line)
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Settings(p))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// SetLogo is POST /admin/settings/logo, with a file.
func (h Pages) SetLogo(c *gin.Context) error {
	if err := need(c, rightHouse); err != nil {
		return err
	}
	now, err := h.settings(c)
	if err != nil {
		return err
	}
	fields, picture, why, err := h.upload(c)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		why = "The file is larger than 5 MB. " + pictureTip
	case err != nil:
		return err
	}
	if why != "" {
		p := h.settingsPage(c, now)
		p.LogoBad = why + " The logo is as it was."
		return h.showSettings(c, http.StatusUnprocessableEntity, p, now)
	}
	return h.logoSet(c, now, cursor(fields["version"]), &picture, "Saved: the logo is another one now.")
}

// RemoveLogo is POST /admin/settings/logo/remove.
func (h Pages) RemoveLogo(c *gin.Context) error {
	if err := need(c, rightHouse); err != nil {
		return err
	}
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	now, err := h.settings(c)
	if err != nil {
		return err
	}
	return h.logoSet(c, now, cursor(form.Get("version")), nil, "Saved: there is no logo any more.")
}

func (h Pages) logoSet(c *gin.Context, now models.Settings, version int64, logo *models.Picture, done string) error {
	now.ID = version
	_, err := h.DB.SaveLogo(c.Request.Context(), now, logo, by(c).Actor)
	if errors.Is(err, models.ErrStale) {
		return h.staleSettings(c, nil)
	}
	if err != nil {
		return err
	}
	return h.back(c, settingsURL, answer{text: done})
}
