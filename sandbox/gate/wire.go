package gate

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// object is a JSON object. One that was shown is not changed any more.
type object = map[string]any

// The sizes of an answer.
const (
	minimum  = "minimum"
	standard = "standard"
	full     = "full"
)

// keysOf lists what the smaller answers have.
func keysOf(size string) []string {
	list := []string{
		"type", "id", "currency", "total", "status", "is_test", "is_payable", "issued", "modified", "transaction_details",
		"link", "full_page_checkout", "iframe_checkout", "direct_post", "api_do_url",
	}
	if size == standard {
		list = append(list, "number", "products", "client", "brand", "website", "success_redirect", "in_progress_redirect",
			"failure_redirect", "cancel_redirect", "refund_amount", "amount_refunded", "skip_capture")
	}
	return list
}

// show is the order as the API shows it now, in one of the sizes.
func (o *order) show(size string) object {
	all := object{
		"type": "order", "id": o.id, "status": o.status, "status_changes": slices.Clone(o.history), "number": nil,
		"currency": o.currency, "subtotal": o.told.number(), "total_tax": cents(0).number(), "total_discount": cents(0).number(),
		"total": o.told.number(), "is_payable": o.payable(), "is_test": o.test, "skip_capture": o.request.SkipCapture,
		"permitted_actions": o.actions(), "transaction_details": o.details(),
		"issued": o.createdAt.Unix(), "viewed": unix(o.viewedAt), "paid": unix(o.paidAt), "captured": unix(o.capturedAt),
		"modified": o.updatedAt.Unix(), "due": zeroAsNull(o.request.Due), "deny_overdue_payment": o.request.DenyOverdue,
		"max_payment_attempts": zeroAsNull(o.request.MaxAttempts),
		"refund_amount":        o.pending.number(), "amount_refunded": o.back.number(), "amount_refund_initial": o.pending.number(),
		"amount_refund_reversal": o.undone.number(), "fee_amount": cents(0).number(),
		"link": o.base + "/checkout/" + o.id + "/", "download_link": nil, "print_link": nil,
		"full_page_checkout": o.page(), "iframe_checkout": o.page(), "direct_post": nil, "api_do_url": o.base + "/do/" + o.id + "/",
		"client": o.request.Client, "products": o.products(), "brand": object{"brand_name": "Sandbox", "default_currency": o.currency},
		"website": nil, "issuer": nil, "account": nil, "created_by": nil, "merchant": nil,
		"success_redirect": o.request.Success, "in_progress_redirect": o.request.InProgress,
		"failure_redirect": o.request.Failure, "cancel_redirect": o.request.Cancel,
		"language": orElse(o.request.Language, "en"), "notes": o.request.Notes, "referrer": o.request.Referrer,
		"from_api": true, "from_subscription": false, "timezone": "UTC",
	}
	if o.number != "" {
		all["number"] = o.number
	}
	if o.bare {
		delete(all, "full_page_checkout")
	}
	if size == full {
		return all
	}
	keep := keysOf(size)
	maps.DeleteFunc(all, func(key string, _ any) bool { return !slices.Contains(keep, key) })
	return all
}

func (o *order) products() []object {
	list := make([]object, 0, len(o.request.Products))
	for _, p := range o.request.Products {
		line, _ := p.Price.times(p.Quantity) // it is part of a total that fits
		list = append(list, object{
			"title": p.Title, "price": p.Price.number(), "quantity": p.Quantity, "description": p.Description,
			"total": line.number(), "tax_amount": cents(0).number(), "currency": o.currency,
		})
	}
	return list
}

// details are the transaction_details. OUR CHOICE: what a capture in part
// releases is told as reversed.
func (o *order) details() object {
	d := object{"errors": slices.Clone(o.declines), "amount_refunded": o.back.number(), "amount_reversed": cents(0).number()}
	if o.card.pan != "" {
		d["method"], d["payment_system"] = "card", "visa"
		d["card_masked_pan"] = o.card.pan[:6] + "******" + o.card.pan[len(o.card.pan)-4:]
	}
	switch {
	case o.silent:
		delete(d, "amount_reversed")
	case o.status == reversed:
		d["amount_reversed"] = (o.released + o.taken).number()
	case o.released > 0:
		d["amount_reversed"] = o.released.number()
	}
	if at := o.cleared(); !at.IsZero() && !o.now().Before(at) {
		d["cleared"] = at.Unix()
	}
	return d
}

func unix(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}

func zeroAsNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// asTexts is the same object with its amounts as texts.
func asTexts(v any) any {
	switch v := v.(type) {
	case json.Number:
		return string(v)
	case object:
		out := make(object, len(v))
		for key, inner := range v {
			out[key] = asTexts(inner)
		}
		return out
	case []object:
		out := make([]any, 0, len(v))
		for _, inner := range v {
			out = append(out, asTexts(inner))
		}
		return out
	default:
		return v
	}
}
