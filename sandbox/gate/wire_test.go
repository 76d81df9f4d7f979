package gate

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCreate(t *testing.T) {
	s := setup(t)
	sizes := map[string]int{}
	for _, size := range []string{"", minimum, standard, full} {
		path := "orders/"
		if size != "" {
			path += "?response_type=" + size
		}
		r := s.api("POST", path, s.orderJSON("o"+size)).want(201)
		sizes[size] = len(r.fields)
		if r.text("status") != issued || r.text("currency") != "EUR" || fmt.Sprint(r.fields["total"]) != "24.7" ||
			r.text("full_page_checkout") != s.base+"/checkout/"+r.text("id")+"/" || r.text("api_do_url") != s.base+"/do/"+r.text("id")+"/" {
			t.Errorf("%s: got %s", size, r.body)
		}
		if _, has := r.fields["number"]; has != (size == standard || size == full) {
			t.Errorf("%s: number %v", size, r.fields["number"])
		}
		if _, has := r.fields["permitted_actions"]; has != (size == full) {
			t.Errorf("%s: %v", size, slices.Sorted(maps.Keys(r.fields)))
		}
	}
	if sizes[""] != sizes[minimum] || sizes[minimum] >= sizes[standard] || sizes[standard] >= sizes[full] {
		t.Errorf("sizes %v", sizes)
	}
	var r struct {
		ID string `json:"id"`
	}
	smallest := s.api("POST", "orders/", `{"client":{"email":"test@test.com"},"products":[{"price":0.3,"title":"test"}]}`).want(201)
	if err := json.Unmarshal(smallest.body, &r); err != nil || fmt.Sprint(smallest.fields["total"]) != "0.3" || len(r.ID) != 36 {
		t.Errorf("the smallest: %s, %v", smallest.body, err)
	}
}

func TestCreate_IsStrict(t *testing.T) {
	s := setup(t)
	for name, tt := range map[string]struct{ field, want string }{
		"no buyer":            {`"client":null`, "client:required"},
		"no address":          {`"client":{}`, "client.email:required"},
		"half an address":     {`"client":{"email":"buyer@"}`, "client.email:invalid"},
		"a buyer's odd field": {`"client":{"email":"a@b.example","shoe":44}`, "client.shoe:unknown_field"},
		"a buyer as text":     {`"client":"a@b.example"`, "client:invalid"},
		"no products":         {`"products":[]`, "products:invalid"},
		"products missing":    {`"products":null`, "products:required"},
		"one product alone":   {`"products":{"title":"Tea","price":1}`, "products:not_a_list"},
		"a line that is none": {`"products":["Tea"]`, "products.0.__all__:invalid"},
		"no title":            {`"products":[{"price":1}]`, "products.0.title:required"},
		"no price":            {`"products":[{"title":"Tea"}]`, "products.0.price:required"},
		"the second line":     {`"products":[{"title":"Tea","price":1},{"title":"Tea","price":0.001}]`, "products.1.price:max_decimal_places"},
		"nothing to pay":      {`"products":[{"title":"Tea","price":0}]`, "products.0.price:min_value"},
		"a price as text":     {`"products":[{"title":"Tea","price":"1"}]`, "products.0.price:invalid"},
		"half a cup":          {`"products":[{"title":"Tea","price":1,"quantity":0.5}]`, "products.0.quantity:invalid"},
		"no cup":              {`"products":[{"title":"Tea","price":1,"quantity":0}]`, "products.0.quantity:min_value"},
		"a sea of tea":        {`"products":[{"title":"Tea","price":999999999999,"quantity":1000000}]`, "products:max_value"},
		"another currency":    {`"currency":"XAU"`, "currency:invalid_choice"},
		"a currency in small": {`"currency":"eur"`, "currency:invalid_choice"},
		"a number as number":  {`"number":7`, "number:invalid"},
		"a way back to none":  {`"success_redirect":"/ok"`, "success_redirect:invalid"},
		"due as text":         {`"due":"tomorrow"`, "due:invalid"},
		"due long ago":        {`"due":1000000000`, "due:min_value"},
		"no attempt":          {`"max_payment_attempts":0`, "max_payment_attempts:min_value"},
		"perhaps":             {`"skip_capture":"no"`, "skip_capture:invalid"},
		"a field of another":  {`"callback_url":"https://shop.example/"`, "callback_url:unknown_field"},
	} {
		t.Run(name, func(t *testing.T) {
			s.api("POST", "orders/", s.orderJSON("o1", tt.field)).code(400, tt.want)
		})
	}
	s.api("POST", "orders/?response_type=tiny", s.orderJSON("o1")).code(400, "response_type:invalid_choice")
	s.api("POST", "orders/", `[]`).code(400, "__all__:invalid")
	s.api("POST", "orders/", `{"number":"a","number":"b"}`).code(400, "__all__:invalid")
	s.api("POST", "orders/", strings.Repeat(" ", maxBody+1)).want(413)
	equal(t, "orders", len(s.Orders(0)), 0)
	s.api("POST", "orders/", s.orderJSON("o1", `"brand":"b1"`, `"terminal_processing_id":"x"`, `"language":"lv"`)).want(201)
}

func TestWhoMayAsk(t *testing.T) {
	s := setup(t, func(c *Config) { c.RatePerMinute = 3 }) // one is used by the webhook
	for _, header := range []string{"", "Bearer", "Bearer wrong", "bearer " + DemoSecretKey, "Basic " + DemoSecretKey, DemoSecretKey} {
		r, err := s.do("GET", s.base+APIPath+"/orders/", "", "Authorization", header)
		if err != nil {
			t.Fatal(err)
		}
		r.code(401, "__all__:authentication_failed")
	}
	s.api("GET", "orders/", "").want(200)
	s.api("GET", "orders/", "").want(200)
	r := s.api("GET", "orders/", "")
	r.code(429, "__all__:throttled")
	equal(t, "Retry-After", r.header.Get("Retry-After"), "61")
	s.advance(time.Minute)
	s.api("GET", "orders/", "").want(200)

	s = setup(t)
	s.api("GET", "nowhere/", "").code(404, "__all__:not_found")
	s.api("GET", "orders/nobody/", "").code(404, "__all__:not_found")
	s.api("POST", "orders/nobody/refund/", `{"amount":1}`).code(404, "__all__:not_found")
	wrong := s.api("PUT", "orders/", `{}`)
	wrong.code(405, "__all__:method_not_allowed")
	equal(t, "Allow", wrong.header.Get("Allow"), "POST, GET")
	r, err := s.do("POST", s.base+APIPath+"/orders/", s.orderJSON("o1"), "Authorization", "Bearer "+DemoSecretKey)
	if err != nil {
		t.Fatal(err)
	}
	r.code(415, "__all__:unsupported_media_type")
	r, err = s.do("GET", s.base+APIPath+"/orders", "", "Authorization", "Bearer "+DemoSecretKey)
	if err != nil || r.status != 200 {
		t.Errorf("without a slash: %d, %v", r.status, err)
	}
}

func TestList(t *testing.T) {
	s := setup(t)
	for n := range 7 {
		s.make(fmt.Sprintf("o%d", n))
	}
	var seen []string
	r := s.api("GET", "orders/?page_size=3", "").want(200)
	for range 3 {
		results, _ := r.fields["results"].([]any)
		for _, one := range results {
			o, _ := one.(map[string]any)
			seen = append(seen, fmt.Sprint(o["number"]))
		}
		if r.fields["next"] == nil {
			break
		}
		r = s.api("GET", strings.TrimPrefix(r.text("next"), s.base+APIPath+"/"), "").want(200)
	}
	equal(t, "newest first", strings.Join(seen, " "), "o6 o5 o4 o3 o2 o1 o0")
	if r.text("previous") == "" {
		t.Error("the last page has none before it")
	}
	for word, want := range map[string]int{"o3": 1, "o": 7, "buyer@": 7, "nobody": 0, s.truth("o2").Ref[:12]: 1} {
		r := s.api("GET", "orders/?quick_search="+word, "").want(200)
		results, _ := r.fields["results"].([]any)
		equal(t, word, len(results), want)
	}
	s.api("GET", "orders/?status=paid", "").code(400, "status:unknown_field")
	s.api("GET", "orders/?page_size=none", "").code(400, "page_size:invalid")
	for _, cursor := range []string{"x", "cD0tMQ", "cD0x%20"} {
		s.api("GET", "orders/?cursor="+cursor, "").code(400, "cursor:invalid")
	}
	s.api("GET", "orders/?cursor="+cursor(99), "").want(200)
}

func TestActions(t *testing.T) {
	s := setup(t)
	post := func(id, verb, body string) reply { return s.api("POST", "orders/"+id+"/"+verb+"/", body) }
	permitted := func(r reply) string { return strings.Trim(fmt.Sprint(r.fields["permitted_actions"]), "[]") }
	t.Run("capture, whole", func(t *testing.T) {
		id := s.held("c1")
		equal(t, "permitted", permitted(s.api("GET", "orders/"+id+"/", "")), "capture cancel")
		r := post(id, "capture", `{}`).want(200)
		equal(t, "status", r.text("status"), paid)
		equal(t, "permitted", permitted(r), "refund reverse")
		post(id, "capture", `{}`).code(400, "__all__:action_not_permitted")
	})
	t.Run("capture, in part", func(t *testing.T) {
		id := s.held("c2")
		post(id, "capture", `{"amount":24.71}`).code(400, "amount:max_value")
		post(id, "capture", `{"amount":"20"}`).code(400, "amount:invalid")
		post(id, "capture", `{"amount":20,"currency":"EUR"}`).code(400, "currency:unknown_field")
		post(id, "capture", `[]`).code(400, "__all__:invalid")
		r := post(id, "capture", `{"amount":20}`).want(200)
		details, _ := r.fields["transaction_details"].(map[string]any)
		equal(t, "released", fmt.Sprint(details["amount_reversed"]), "4.7")
		equal(t, "total", fmt.Sprint(r.fields["total"]), "24.7")
		post(id, "refund", `{"amount":20.01}`).code(400, "amount:max_value")
		equal(t, "refunded", post(id, "refund", `{"amount":20}`).want(200).text("status"), refunded)
	})
	t.Run("capture of what was taken at once", func(t *testing.T) {
		post(s.paid("c3"), "capture", `{}`).code(400, "__all__:action_not_permitted")
	})
	t.Run("void", func(t *testing.T) {
		id := s.held("v1")
		equal(t, "status", post(id, "cancel", "").want(200).text("status"), cancelled)
		post(id, "cancel", "").code(400, "__all__:action_not_permitted")
	})
	t.Run("cancel", func(t *testing.T) {
		id := s.make("x1")
		post(id, "cancel", `{"reason":"x"}`).code(400, "reason:unknown_field")
		post(id, "cancel", `{}`).want(200)
		for number, decision := range map[string]string{"x2": "approve", "x3": "pend"} {
			id := s.make(number)
			s.decide(id, decision)
			post(id, "cancel", "").code(400, "__all__:action_not_permitted")
		}
	})
	t.Run("refund, in parts", func(t *testing.T) {
		id := s.paid("r1")
		r := post(id, "refund", `{"amount":10,"reason":"broken"}`).want(200)
		equal(t, "status", r.text("status"), paid)
		equal(t, "refunded", fmt.Sprint(r.fields["amount_refunded"]), "10.0")
		equal(t, "permitted", permitted(r), "refund")
		r = post(id, "refund", `{}`).want(200)
		equal(t, "status", r.text("status"), refunded)
		equal(t, "refunded", fmt.Sprint(r.fields["amount_refunded"]), "24.7")
		post(id, "refund", `{"amount":0.01}`).code(400, "__all__:action_not_permitted")
	})
	t.Run("reverse until it is cleared", func(t *testing.T) {
		equal(t, "status", post(s.paid("rv1"), "reverse", "").want(200).text("status"), reversed)
		id := s.paid("rv2")
		s.advance(clearAfter)
		post(id, "reverse", "").code(400, "__all__:action_not_permitted")
		r := s.api("GET", "orders/"+id+"/", "").want(200)
		details, _ := r.fields["transaction_details"].(map[string]any)
		equal(t, "cleared", fmt.Sprint(details["cleared"]), fmt.Sprint(begin.Add(clearAfter).Unix()))
		equal(t, "permitted", permitted(r), "refund")
	})
	t.Run("received, and taken back", func(t *testing.T) {
		id := s.make("rc1")
		equal(t, "status", post(id, "received", "").want(200).text("status"), received)
		if !s.truth(id).Paid {
			t.Error("it counts as unpaid")
		}
		post(id, "received", "").code(400, "__all__:action_not_permitted")
		equal(t, "status", post(id, "cancel", "").want(200).text("status"), cancelled)
	})
	t.Run("delete", func(t *testing.T) {
		id := s.make("d1")
		s.api("DELETE", "orders/"+id+"/", "").want(204)
		s.api("GET", "orders/"+id+"/", "").code(404, "__all__:not_found")
		s.api("DELETE", "orders/"+id+"/", "").code(404, "__all__:not_found")
		s.api("DELETE", "orders/"+s.paid("d2")+"/", "").code(400, "__all__:action_not_permitted")
		if _, err := s.Order("d1"); err == nil {
			t.Error("it is still there")
		}
	})
}

// The clock ends what nobody ends.
func TestDeadlines(t *testing.T) {
	s := setup(t)
	s.advance(48 * time.Hour) // and the shop's clock is not moved with it
	at := func(in time.Duration) string { return fmt.Sprintf(`"due":%d`, begin.Add(in).Unix()) }
	late := s.make("late", at(time.Hour))
	never := s.make("never", at(time.Hour), `"deny_overdue_payment":true`)
	tried := s.make("tried", at(time.Hour), `"deny_overdue_payment":true`)
	s.decide(tried, "decline")
	running := s.make("running", at(time.Hour), `"deny_overdue_payment":true`)
	s.decide(running, "pend")
	s.advance(time.Hour - time.Second)
	equal(t, "a second before", s.truth(late).Status, issued)
	s.forget()
	s.advance(time.Second)
	for id, want := range map[string]string{late: overdue, never: expired, tried: expired, running: inProgress} {
		equal(t, "due", s.truth(id).Status, want)
	}
	equal(t, "told", s.shop.events(), "expired expired") // no event is known for overdue
	s.decide(running, "fail")
	equal(t, "an attempt that ends too late", s.truth(running).Status, expired)
	s.decide(late, "approve")
	equal(t, "late, but paid", s.truth(late).Status, paid)

	held, taken := s.held("held"), s.held("taken")
	s.api("POST", "orders/"+taken+"/capture/", `{}`).want(200)
	s.advance(holdFor - time.Second)
	equal(t, "the hold", s.truth(held).Status, hold)
	s.forget()
	s.advance(time.Second)
	equal(t, "lapsed", s.truth(held).Status, cancelled)
	equal(t, "taken", s.truth(taken).Status, paid)
	equal(t, "told", s.shop.events(), "canceled")
}

func TestAttempts(t *testing.T) {
	s := setup(t)
	id := s.make("o1", `"max_payment_attempts":2`)
	_, to := s.decide(id, "decline")
	equal(t, "sent", to, "/failed")
	equal(t, "status", s.truth(id).Status, failed)
	r := s.api("GET", "orders/"+id+"/", "")
	details, _ := r.fields["transaction_details"].(map[string]any)
	if errs := fmt.Sprint(details["errors"]); !strings.Contains(errs, "Do not honour") {
		t.Errorf("errors %s", errs)
	}
	_, to = s.decide(id, "decline")
	equal(t, "status", s.truth(id).Status, cancelled)
	equal(t, "sent", to, "/cancelled")
}

func TestPayByServer(t *testing.T) {
	s := setup(t)
	pay := func(id, fields string) reply {
		r, err := s.do("POST", s.base+"/do/"+id+"/", `{"cardholder_name":"A BUYER","exp_month":12,"exp_year":2030,`+fields+`}`,
			"Authorization", "Bearer "+DemoSecretKey, "Content-Type", "application/json")
		if err != nil {
			t.Fatal(err)
		}
		s.drain()
		return r
	}
	id := s.make("o1")
	pay(id, `"card_number":"4000 0000 0000 0002","csc":"123"`).want(200)
	equal(t, "declined", s.truth(id).Status, failed)
	if r := pay(id, `"card_number":"4111111111111111","cvv":"123","ip_address":"203.0.113.7"`).want(200); string(r.body) != "{}" {
		t.Errorf("got %s", r.body)
	}
	equal(t, "paid", s.truth(id).Status, paid)
	pay(id, `"card_number":"4111111111111111","csc":"123"`).code(400, "__all__:action_not_permitted")

	id = s.make("o2")
	r := pay(id, `"card_number":"4000000000003220","csc":"123"`).want(200)
	equal(t, "the bank's page", r.text("threed_check_url"), s.base+"/checkout/"+id+"/3ds/")
	equal(t, "status", s.truth(id).Status, inProgress)
	for fields, want := range map[string]string{
		`"csc":"1"`:                               "card_number:required",
		`"card_number":"4111111111111111"`:        "csc:required",
		`"card_number":"5555","csc":"1"`:          "card_number:invalid",
		`"card_number":1,"csc":"1"`:               "card_number:invalid",
		`"card_number":"4","csc":"1","pin":"123"`: "pin:unknown_field",
	} {
		pay(s.make("bad"), fields).code(400, want)
	}
	pay("nobody", `"card_number":"4111111111111111","csc":"123"`).code(404, "__all__:not_found")
	if r, err := s.do("POST", s.base+"/do/"+id+"/", `{}`); err != nil || r.status != 401 {
		t.Errorf("without a key: %d, %v", r.status, err)
	}
}

func TestWebhooks(t *testing.T) {
	s := bare(t)
	const good = `{"title":"shop","version":"v0.6","url":"https://shop.example/hooks","is_test":false,"all_events":false,"events":["order.payment_success"]}`
	r := s.api("POST", "webhooks/", good).want(201)
	id := r.text("id")
	if id == "" || r.text("secret") != DemoHookSecret || fmt.Sprint(r.fields["created"]) != fmt.Sprint(begin.Unix()) {
		t.Errorf("got %s", r.body)
	}
	for body, want := range map[string]string{
		`{}`: "url:required",
		`{"title":"t","version":"v0.7","url":"https://shop.example/","all_events":true}`:                         "version:invalid_choice",
		`{"title":"t","version":"v0.6","url":"shop","all_events":true}`:                                          "url:invalid",
		`{"title":"t","version":"v0.6","url":"https://shop.example/"}`:                                           "__all__:invalid",
		`{"title":"t","version":"v0.6","url":"https://shop.example/","all_events":true,"events":["order.hold"]}`: "__all__:invalid",
		`{"title":"t","version":"v0.6","url":"https://shop.example/","events":["order.dream"]}`:                  "events:invalid_choice",
		`{"title":"t","version":"v0.6","url":"https://shop.example/","events":"order.hold"}`:                     "events:not_a_list",
		`{"title":"t","version":"v0.6","url":"https://shop.example/","all_events":true,"secret":"x"}`:            "secret:unknown_field",
		`[]`: "__all__:invalid",
	} {
		s.api("POST", "webhooks/", body).code(400, want)
	}
	s.api("PATCH", "webhooks/"+id+"/", `{"all_events":true,"events":[]}`).want(200)
	r = s.api("GET", "webhooks/"+id+"/", "").want(200)
	if r.fields["all_events"] != true || r.text("url") != "https://shop.example/hooks" {
		t.Errorf("got %s", r.body)
	}
	s.api("PUT", "webhooks/"+id+"/", `{"all_events":true}`).code(400, "title:required")
	s.api("PUT", "webhooks/"+id+"/", strings.Replace(good, "hooks", "other", 1)).want(200)
	list := s.api("GET", "webhooks/", "").want(200)
	if results, _ := list.fields["results"].([]any); len(results) != 1 || !strings.Contains(string(list.body), "/other") {
		t.Errorf("got %s", list.body)
	}
	s.api("DELETE", "webhooks/"+id+"/", "").want(204)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		s.api(method, "webhooks/"+id+"/", good).code(404, "__all__:not_found")
	}
}

// The signatures are those that other programs make and check: the vector was
// made with openssl, and the key that is shown opens what the key that is kept
// has signed.
func TestSignatures(t *testing.T) {
	body := []byte(`{"id":"5f1c9a3e-7d2b-4c7e-9a51-0c2f6f0f1a01","number":"p7k2m9","status":"paid","currency":"EUR","total":24.7,"event_type":"order.payment_success"}`)
	equal(t, "hmac", SignHMAC("whsec_of_the_webhook", body), "a9956edf90552e18777892c2133c30840ec53a6c6a7959eed431d53034225e39")
	text, err := DemoPublicKey()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(text))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := parsed.(*rsa.PublicKey)
	private, err := demoKey()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(SignRSA(private, body))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(body)
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, hash[:], sig); err != nil {
		t.Error(err)
	}
	if again := SignRSA(private, body); again != base64.StdEncoding.EncodeToString(sig) {
		t.Error("the same body has two signatures")
	}
	file, err := os.ReadFile("keys/demo.pem")
	if err != nil || !strings.HasPrefix(string(file), "-----BEGIN TESTING KEY-----") {
		t.Errorf("the key looks like one to be kept: %v", err)
	}
}

// Requests are written down without what is secret in them.
func TestRequestsAreListed(t *testing.T) {
	s := setup(t)
	id := s.make("o1")
	s.api("GET", "orders/"+id+"/", "").want(200)
	got := s.world.Requests.Latest(2)
	if got[0].Endpoint != "read" || got[0].Order != id || got[0].Status != http.StatusOK || got[1].Endpoint != "create" || got[1].Order != id {
		t.Errorf("got %+v", got)
	}
	text, _ := json.Marshal(s.world.Requests.Latest(0))
	if strings.Contains(string(text), DemoSecretKey) {
		t.Error("the key is written down")
	}
}
