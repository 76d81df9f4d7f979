package shop

// Money is what has moved for an order, all its payments together. Every amount
// has its currency and is empty when there is none.
type Money struct {
	Taken    string
	Reserved string   // and not taken
	Until    string   // the day on which what is reserved lapses; empty when not known
	LetGo    string   // was reserved, is no longer, and was not taken
	Refunds  []Refund // what went back, oldest first
	Sent     string   // what went back, without what came back again
	Pending  string   // being sent back
	Stays    string   // taken, and neither gone back nor being sent back
	Over     string   // what of that is more than the order costs
	Less     bool     // less was taken than the order costs

	Unanswered bool // a refund was asked for and had no clear answer
	Stuck      bool // the last refund did not happen, or came back
}

// Refund is money that went back to the shopper on a day.
type Refund struct {
	Amount   string
	Day      string // such as "Friday 6 March 2026"
	CameBack bool   // it is one that came back to the shop on that day
}

func (r Refund) label() string {
	if r.CameBack {
		return "Came back to us"
	}
	return "Sent back"
}

// moved reports whether there is more to tell than that the total was paid.
func (m Money) moved(total string) bool {
	return m.Reserved != "" || len(m.Refunds) > 0 || m.Pending != "" || m.Taken != "" && m.Taken != total
}

// rest reports whether it is worth saying what stays paid.
func (m Money) rest() bool { return m.Stays != "" && m.Stays != m.Taken }
