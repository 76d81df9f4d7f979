package powens

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"till/sandbox/world"
)

// scopeLinks is the scope of the payment links, which no other covers.
const scopeLinks = "payment-links:admin"

const (
	unavailable = "unavailable" // attempt_state of a link without a payment
	revokes     = ":revoke"
)

// payLink is a payment link. The provider's lock guards what changes: the last
// payment and when it was revoked.
type payLink struct {
	id, mark  string
	request   newLink
	base      string
	reference string
	last      *payment
	revokedAt time.Time
}

// newLink is a create request that holds. Its instruction is that of each
// payment that comes of the link.
type newLink struct {
	Instruction   instruction
	Payer         *account
	PayerIdentity identity
	Operator      identity
	Redirect      bool
	RedirectURI   string
	RedirectState string
}

type wireLink struct {
	ID            string            `json:"id"`
	Reference     string            `json:"reference_id"`
	Amount        json.Number       `json:"amount"`
	Currency      string            `json:"currency"`
	Label         string            `json:"label"`
	Type          string            `json:"execution_date_type"`
	Beneficiary   account           `json:"beneficiary"`
	BenefIdentity map[string]string `json:"beneficiary_identity"`
	Payer         *account          `json:"payer"`
	PayerIdentity map[string]string `json:"payer_identity"`
	Operator      map[string]string `json:"operator_identity"`
	Redirect      bool              `json:"redirect"`
	RedirectURI   string            `json:"redirect_uri"`
	RedirectState string            `json:"redirect_state"`
	LastPayment   *json.Number      `json:"last_payment_id"`
	URL           string            `json:"url"`
	RevokedAt     *string           `json:"revoked_at"`
	Attempt       *string           `json:"attempt_state"`
}

// parseLink reads a create request strictly. OUR CHOICE: payer must be there
// and may be null, and a link that does not redirect has neither address nor
// state.
func parseLink(body []byte, currencies []string) (newLink, []problem) {
	p := &parser{currencies: currencies}
	fields := p.object("", body,
		[]string{
			"amount", "currency", "label", "execution_date_type", "beneficiary", "beneficiary_identity", "payer", "payer_identity", "redirect",
		},
		[]string{"reference_id", "operator_identity", "redirect_uri", "redirect_state"})
	in := newLink{
		Instruction: instruction{
			Label:       p.text("label", fields["label"], 1, maxLabel),
			Amount:      p.cents("amount", fields["amount"]),
			Currency:    p.word("currency", fields["currency"], currencies),
			Type:        p.word("execution_date_type", fields["execution_date_type"], []string{firstOpenDay, instant}),
			Reference:   p.text("reference_id", fields["reference_id"], 1, maxReference),
			Beneficiary: p.account("beneficiary", fields["beneficiary"]),
			Identity:    p.identity("beneficiary_identity", fields["beneficiary_identity"]),
		},
		PayerIdentity: p.identity("payer_identity", fields["payer_identity"]),
		Operator:      p.identity("operator_identity", fields["operator_identity"]),
	}
	if raw := fields["payer"]; raw != nil && string(raw) != "null" {
		payer := p.account("payer", raw)
		in.Payer = &payer
	}
	switch string(fields["redirect"]) {
	case "true":
		in.Redirect = true
		in.RedirectURI = p.redirect("redirect_uri", fields["redirect_uri"])
		in.RedirectState = p.text("redirect_state", fields["redirect_state"], 1, maxState)
		for _, name := range []string{"redirect_uri", "redirect_state"} {
			if fields[name] == nil {
				p.problems = append(p.problems, problem{field: name, says: "is required", missing: true})
			}
		}
	case "false":
		for _, name := range []string{"redirect_uri", "redirect_state"} {
			if raw := fields[name]; raw != nil && string(raw) != "null" {
				p.complain(name, "is for links that redirect")
			}
		}
	case "":
	default:
		p.complain("redirect", "must be true or false")
	}
	return in, p.problems
}

// show is the link as the API shows it.
func (l *payLink) show() wireLink {
	in := l.request.Instruction
	shown := wireLink{
		ID: l.id, Reference: l.reference, Amount: json.Number(in.Amount.String()), Currency: in.Currency, Label: in.Label, Type: in.Type,
		Beneficiary: in.Beneficiary, BenefIdentity: in.Identity.shown(false), Payer: l.request.Payer, PayerIdentity: l.request.PayerIdentity.shown(false),
		Operator: l.request.Operator.shown(false), Redirect: l.request.Redirect, RedirectURI: l.request.RedirectURI, RedirectState: l.request.RedirectState,
		URL: l.base + "/link/" + l.mark, Attempt: orNull(unavailable),
	}
	if l.last != nil {
		id := json.Number(l.last.id)
		shown.LastPayment, shown.Attempt = &id, orNull(l.last.state)
	}
	if !l.revokedAt.IsZero() {
		shown.RevokedAt = orNull(l.revokedAt.UTC().Format(zoneless))
	}
	return shown
}

// allowedLinks returns why a request about links may not go on.
func (p *Provider) allowedLinks(r *http.Request) *world.Answer {
	token, ok := p.service(r)
	switch {
	case !ok:
		a := p.unauthorised()
		return &a
	case !slices.Contains(token.scopes, scopeLinks):
		a := p.forbidden()
		return &a
	default:
		return nil
	}
}

// makeLink answers POST /payment-links. It knows no idempotency key.
func (p *Provider) makeLink(r *http.Request) world.Answer {
	if problem := p.allowedLinks(r); problem != nil {
		return *problem
	}
	body, problem := p.jsonBody(r)
	if problem != nil {
		return *problem
	}
	wanted, problems := parseLink(body, p.config.Currencies)
	if len(problems) > 0 {
		return p.invalid(problems)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.linked++
	hex := p.world.Hex(32, Name, "link", p.linked)
	l := &payLink{
		id:   strings.Join([]string{hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:]}, "-"),
		mark: p.world.Hex(40, Name, "linkmark", p.linked), request: wanted, base: p.world.Site.Base(r, Name),
		reference: orElse(wanted.Instruction.Reference, p.world.Hex(maxReference, Name, "linkreference", p.linked)),
	}
	if old, forgot := p.links.Put(l.id, l); forgot {
		delete(p.byMark, old.mark)
	}
	p.byMark[l.mark] = l
	return p.answerLink(l)
}

// answerLink answers 200 with the link. The caller has the lock.
func (*Provider) answerLink(l *payLink) world.Answer {
	a := answerJSON(http.StatusOK, l.show())
	a.External = l.request.RedirectState
	return a
}

// listLinks answers GET /payment-links: a bare array. OUR CHOICE: newest first.
func (p *Provider) listLinks(r *http.Request) world.Answer {
	if problem := p.allowedLinks(r); problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []wireLink{}
	for l := range p.links.Newest {
		list = append(list, l.show())
	}
	return answerJSON(http.StatusOK, list)
}

// readLink answers GET /payment-links/{id}.
func (p *Provider) readLink(r *http.Request, id string) world.Answer {
	if problem := p.allowedLinks(r); problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.links.Get(id)
	if !ok {
		return p.noLink()
	}
	return p.answerLink(l)
}

func (p *Provider) noLink() world.Answer {
	return p.refusal(http.StatusNotFound, "notFound", "there is no such payment link, or it was revoked already")
}

// revokeLink answers POST /payment-links/{id}:revoke. OUR CHOICE: a payment
// that was begun by the link goes on.
func (p *Provider) revokeLink(r *http.Request, id string) world.Answer {
	if problem := p.allowedLinks(r); problem != nil {
		return *problem
	}
	id, ok := strings.CutSuffix(id, revokes)
	p.mu.Lock()
	defer p.mu.Unlock()
	l, known := p.links.Get(id)
	if !ok || !known || !l.revokedAt.IsZero() {
		return p.noLink()
	}
	l.revokedAt = p.world.Clock.Now()
	return world.Answer{Status: http.StatusNoContent, External: l.request.RedirectState}
}

// showLink answers GET of a link's page. It changes nothing: the payment is
// made when the buyer goes on.
func (p *Provider) showLink(r *http.Request) world.Answer {
	l, data, problem := p.linkPage(r)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := l.last; o != nil && !o.open() && o.state != rejected && o.state != expired {
		return p.drawDone(r, o)
	}
	return p.draw(http.StatusOK, "link", data, nil)
}

// drawDone draws the end of a payment. The caller has the lock.
func (p *Provider) drawDone(r *http.Request, o *payment) world.Answer {
	data := page{Base: pathOf(p.world.Site.Base(r, Name))}
	p.describe(&data, o)
	data.Page, data.Title = "powens-done", "This payment is decided"
	return p.draw(http.StatusOK, "done", data, o)
}

// submitLink answers POST of that page: it makes the payment, or goes on with
// one that is open, and sends the buyer to the webview. OUR CHOICE: the payment
// has the link's reference_id, and its redirect_state as client_state.
func (p *Provider) submitLink(r *http.Request) world.Answer {
	l, data, problem := p.linkPage(r)
	if problem != nil {
		return *problem
	}
	if _, problem := p.form(r, data); problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := l.last
	if o != nil && !o.open() && o.state != rejected && o.state != expired {
		return p.drawDone(r, o)
	}
	var a world.Answer
	if o == nil || !o.open() {
		wanted := newPayment{
			RedirectURI: orElse(l.request.RedirectURI, l.base+"/link/"+l.mark), State: l.request.RedirectState,
			Instruction: l.request.Instruction, Payer: l.request.Payer, PayerIdentity: l.request.PayerIdentity,
		}
		wanted.Instruction.Reference = l.reference
		o = p.add(wanted, l.base, p.world.Clock.Now())
		if _, hides := p.take(&a, noClientState, "create", o.refs()...); hides {
			o.noState = true
		}
		l.last = o
	}
	p.openWebview(o)
	answer := p.seeOther(o, o.page)
	answer.Faults = append(answer.Faults, a.Faults...)
	return answer
}

// linkPage returns the link of a page's address and what the page shows.
func (p *Provider) linkPage(r *http.Request) (*payLink, page, *world.Answer) {
	data := page{Base: pathOf(p.world.Site.Base(r, Name))}
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.byMark[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
	if !ok || !l.revokedAt.IsZero() {
		a := p.problem(http.StatusNotFound, data, "This link is not valid, or no longer. The shop can send you a new one.")
		return nil, data, &a
	}
	describeTransfer(&data, l.request.Instruction)
	data.Self = data.Base + r.URL.Path
	data.Page, data.Title = "powens-link", "Pay by this link"
	return l, data, nil
}

// openWebview gives a payment a scoped token and the webview's address with it.
// The caller has the lock.
func (p *Provider) openWebview(o *payment) string {
	p.issued++
	value := "sbx-scp-" + p.world.Hex(40, Name, "scoped", p.issued)
	p.scoped.Put(value, scoped{payment: o.id, until: p.world.Clock.Now().Add(scopedLife)})
	o.page = o.base + "/2.0/auth/webview/payment?" + url.Values{
		"client_id": {p.config.ClientID}, "redirect_uri": {o.request.RedirectURI}, "code": {value}, "payment_id": {o.id}, "state": {o.request.State},
	}.Encode()
	return value
}
