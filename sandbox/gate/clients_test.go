package gate

import (
	"fmt"
	"strings"
	"testing"

	"till/sandbox/world"
)

// client makes a saved client.
func (s *stand) client() string {
	s.t.Helper()
	return s.api("POST", "clients/", `{"email":"buyer@example.test"}`).want(201).text("id")
}

// subscribed makes an order that saves its card, has it paid, and returns the
// client and the order.
func (s *stand) subscribed(number string) (client, id string) {
	s.t.Helper()
	client = s.client()
	id = s.make(number, `"client":{"email":"buyer@example.test","original_client":"`+client+`"}`, `"setup_future_use":"recurring"`, `"force_save_method":true`)
	s.decide(id, "approve")
	return client, id
}

// cards lists a client's saved cards.
func (s *stand) cards(client string) []string {
	s.t.Helper()
	results, _ := s.api("GET", "clients/"+client+"/payment_methods/", "").want(200).fields["results"].([]any)
	ids := []string{}
	for _, one := range results {
		m, _ := one.(map[string]any)
		ids = append(ids, fmt.Sprint(m["id"]))
	}
	return ids
}

// naming is an order's client with a saved card.
func naming(client, card string) string {
	return `"client":{"email":"buyer@example.test","original_client":"` + client + `","recurring_payment_method":"` + card + `"}`
}

// renewal makes an order for a saved card.
func (s *stand) renewal(number, client, card string) string {
	s.t.Helper()
	return s.make(number, naming(client, card), `"use_scenario":"recurring"`, `"max_payment_attempts":1`)
}

// charge posts to an order's api_do_url.
func (s *stand) charge(id, body string) reply {
	s.t.Helper()
	r, err := s.do("POST", s.base+"/do/"+id+"/", body, "Authorization", "Bearer "+DemoSecretKey, "Content-Type", "application/json")
	if err != nil {
		s.t.Fatal(err)
	}
	s.drain()
	return r
}

func TestSavedCard(t *testing.T) {
	s := setup(t)
	client, first := s.subscribed("o1")
	cards := s.cards(client)
	if len(cards) != 1 || s.truth(first).Status != paid {
		t.Fatalf("cards %v, the order is %s", cards, s.truth(first).Status)
	}
	one := s.api("GET", "clients/"+client+"/payment_methods/"+cards[0]+"/", "").want(200)
	details, _ := one.fields["card"].(map[string]any)
	if one.text("client") != client || one.text("method_type") != "card" || details["is_default"] != true || fmt.Sprint(details["exp_year"]) != "2030" {
		t.Errorf("got %s", one.body)
	}
	if strings.Contains(string(one.body), "41111111") {
		t.Error("the record has more of the card than the documents name")
	}

	id := s.renewal("o2", client, cards[0])
	equal(t, "before it is charged", s.truth(id).Status, issued)
	s.forget()
	equal(t, "answer", strings.TrimSpace(string(s.charge(id, `{}`).want(200).body)), `{}`)
	equal(t, "told", s.shop.events(), "in_progress payment_success")
	r := s.api("GET", "orders/"+id+"/", "").want(200)
	about, _ := r.fields["client"].(map[string]any)
	if r.text("status") != paid || about["original_client"] != client || about["recurring_payment_method"] != cards[0] {
		t.Errorf("got %s", r.body)
	}
	s.charge(id, `{}`).code(400, "__all__:action_not_permitted")
	equal(t, "taken once", s.truth(id).Status, paid)
	equal(t, "still one card", len(s.cards(client)), 1)
}

// A card is saved when the order is paid and asks for it, and not otherwise.
func TestSavedCard_When(t *testing.T) {
	for _, tt := range []struct {
		name, fields, path string
		want               int
	}{
		{"paid", `"force_save_method":true`, "approve", 1},
		{"reserved", `"force_save_method":true|"skip_capture":true`, "approve", 1},
		{"paid in the end", `"force_save_method":true`, "decline pend complete", 1},
		{"declined", `"force_save_method":true`, "decline", 0},
		{"on its way", `"force_save_method":true`, "pend", 0},
		{"paid by nobody's card", `"force_save_method":true`, "cancel complete", 0},
		{"left to the buyer", `"notes":""`, "approve", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := setup(t)
			client := s.client()
			fields := append(strings.Split(tt.fields, "|"), `"setup_future_use":"recurring"`, `"client":{"email":"a@b.example","original_client":"`+client+`"}`)
			id := s.make("o1", fields...)
			for _, d := range strings.Fields(tt.path) {
				s.decide(id, d)
			}
			equal(t, "cards", len(s.cards(client)), tt.want)
		})
	}
}

func TestSavedCard_IsStrict(t *testing.T) {
	s := setup(t)
	client, _ := s.subscribed("o1")
	card, other := s.cards(client)[0], s.client()
	of := func(client string) string {
		return `"client":{"email":"a@b.example","original_client":"` + client + `"}`
	}
	for name, tt := range map[string]struct{ fields, want string }{
		"saved for nobody":              {`"setup_future_use":"recurring"`, "client.original_client:required"},
		"saved by force for nobody":     {`"setup_future_use":"recurring"|"force_save_method":true`, "client.original_client:required"},
		"saved for no purpose":          {of(client) + `|"force_save_method":true`, "setup_future_use:required"},
		"saved for another purpose":     {of(client) + `|"setup_future_use":"fun"`, "setup_future_use:invalid_choice"},
		"saved perhaps":                 {of(client) + `|"setup_future_use":"recurring"|"force_save_method":1`, "force_save_method:invalid"},
		"a client that is not there":    {of("nobody"), "client.original_client:does_not_exist"},
		"a client that is none":         {`"client":{"email":"a@b.example","original_client":7}`, "client.original_client:invalid"},
		"a card that is not there":      {naming(client, "none") + `|"use_scenario":"recurring"`, "client.recurring_payment_method:does_not_exist"},
		"another client's card":         {naming(other, card) + `|"use_scenario":"recurring"`, "client.recurring_payment_method:does_not_exist"},
		"a card of nobody":              {`"client":{"email":"a@b.example","recurring_payment_method":"` + card + `"}|"use_scenario":"recurring"`, "client.original_client:required"},
		"a card for no purpose":         {naming(client, card), "use_scenario:required"},
		"a purpose for no card":         {of(client) + `|"use_scenario":"recurring"`, "client.recurring_payment_method:required"},
		"a card for another purpose":    {naming(client, card) + `|"use_scenario":"fun"`, "use_scenario:invalid_choice"},
		"a purpose that is not a word":  {naming(client, card) + `|"use_scenario":1`, "use_scenario:invalid"},
		"nobody at all, with a purpose": {`"client":null|"setup_future_use":"recurring"`, "client:required"},
	} {
		t.Run(name, func(t *testing.T) {
			s.api("POST", "orders/", s.orderJSON("o2", strings.Split(tt.fields, "|")...)).code(400, tt.want)
		})
	}
	equal(t, "orders", len(s.Orders(0)), 1)

	id := s.renewal("o2", client, card)
	for body, want := range map[string]string{`[]`: "__all__:invalid", `{"csc":"123"}`: "csc:unknown_field", `{"card_number":"4111111111111111"}`: "card_number:unknown_field"} {
		s.charge(id, body).code(400, want)
	}
	s.charge(s.make("o3"), `{}`).code(400, "card_number:required")
	equal(t, "status", s.truth(id).Status, issued)
	s.api("DELETE", "clients/"+client+"/payment_methods/"+card+"/", "").want(204)
	s.charge(id, `{}`).code(400, "__all__:payment_method_not_found")
	s.api("DELETE", "clients/"+client+"/", "").want(204)
	s.charge(id, `{}`).code(400, "__all__:payment_method_not_found")
	equal(t, "status", s.truth(id).Status, issued)
}

// Once it is deleted, by the shop or in the portal, a card is not charged again.
func TestSavedCard_Deleted(t *testing.T) {
	s := setup(t)
	client, first := s.subscribed("o1")
	card := s.cards(client)[0]
	o, _ := s.decide(first, "forget_card")
	equal(t, "cards", len(s.cards(client)), 0)
	equal(t, "the order", o.Status, paid)
	if _, _, err := s.Decide(t.Context(), first, world.Decision{Decision: "forget_card"}); err == nil {
		t.Error("it was deleted twice")
	}
	s.api("GET", "clients/"+client+"/payment_methods/"+card+"/", "").code(404, "__all__:not_found")
	s.api("DELETE", "clients/"+client+"/payment_methods/"+card+"/", "").code(404, "__all__:not_found")
	s.api("POST", "orders/", s.orderJSON("o2", naming(client, card), `"use_scenario":"recurring"`)).code(400, "client.recurring_payment_method:does_not_exist")
	s.api("GET", "clients/nobody/payment_methods/", "").code(404, "__all__:not_found")
	s.api("GET", "clients/nobody/payment_methods/"+card+"/", "").code(404, "__all__:not_found")
}

func TestClients(t *testing.T) {
	s := setup(t)
	id := s.client()
	for body, want := range map[string]string{
		`{}`: "email:required", `{"email":"buyer@"}`: "email:invalid", `{"email":7}`: "email:invalid", `[]`: "__all__:invalid",
		`{"email":"a@b.example","shoe":44}`: "shoe:unknown_field", `{"email":"a@b.example","original_client":"x"}`: "original_client:unknown_field",
	} {
		s.api("POST", "clients/", body).code(400, want)
	}
	s.api("PATCH", "clients/"+id+"/", `{"phone":"+64 21"}`).want(200)
	r := s.api("GET", "clients/"+id+"/", "").want(200)
	if r.text("email") != "buyer@example.test" || r.text("phone") != "+64 21" || r.text("type") != "client" {
		t.Errorf("got %s", r.body)
	}
	s.api("PUT", "clients/"+id+"/", `{"phone":"+64 22"}`).code(400, "email:required")
	equal(t, "what was refused", s.api("GET", "clients/"+id+"/", "").text("phone"), "+64 21")
	s.api("PUT", "clients/"+id+"/", `{"email":"other@example.test"}`).want(200)
	twin := s.client()
	list := func(query string) int {
		results, _ := s.api("GET", "clients/"+query, "").want(200).fields["results"].([]any)
		return len(results)
	}
	equal(t, "all", list(""), 2)
	equal(t, "by address", list("?filter_email=buyer@example.test"), 1)
	equal(t, "by number", list("?filter_phone=none"), 0)
	equal(t, "a page", list("?page_size=1"), 1)
	next := s.api("GET", "clients/?page_size=1", "").text("next")
	equal(t, "the next page", list(next[strings.Index(next, "?"):]), 1)
	s.api("GET", "clients/?name=x", "").code(400, "name:unknown_field")
	s.api("GET", "clients/?page_size=x", "").code(400, "page_size:invalid")
	s.api("GET", "clients/?cursor=x", "").code(400, "cursor:invalid")
	s.api("DELETE", "clients/"+twin+"/", "").want(204)
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		s.api(method, "clients/"+twin+"/", `{"email":"a@b.example"}`).code(404, "__all__:not_found")
	}
	equal(t, "those that are left", list(""), 1)
	r, err := s.do("GET", s.base+APIPath+"/clients/", "")
	if err != nil {
		t.Fatal(err)
	}
	r.code(401, "__all__:authentication_failed")
	s.world.Reset(7)
	s.Reset()
	equal(t, "after a reset", list(""), 0)
}
