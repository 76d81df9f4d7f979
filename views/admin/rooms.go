package admin

import "strings"

// room is a place in the navigation, or a page a step inside of one.
type room string

// The rooms. A page outside of all of them is nowhere.
const (
	nowhere        room = ""
	roomOverview   room = "overview"
	roomInbox      room = "inbox"
	roomItem       room = "item" // one item, a step inside the inbox
	roomOrders     room = "orders"
	roomNeedy      room = "needy" // the orders that need attention
	roomOrder      room = "order" // one order, a step inside orders
	roomPayments   room = "payments"
	roomRefunds    room = "refunds"
	roomApproval   room = "approval" // refunds that wait for a second person, a step inside refunds
	roomProducts   room = "products"
	roomProduct    room = "product" // one product, a step inside products
	roomCloses     room = "closes"
	roomClose      room = "close" // one day, a step inside closes
	roomStatements room = "statements"
	roomStatement  room = "statement" // one file, a step inside statements
	roomDeliveries room = "deliveries"
	roomDelivery   room = "delivery" // one delivery, a step inside deliveries
	roomProviders  room = "providers"
	roomStaff      room = "staff"
	roomMember     room = "member" // one member, a step inside staff
	roomAudit      room = "audit"
	roomSettings   room = "settings"
)

// inside is the room of the navigation that a page is a step inside of.
func (r room) inside() room {
	switch r {
	case roomApproval:
		return roomRefunds
	case roomItem:
		return roomInbox
	case roomOrder:
		return roomOrders
	case roomProduct:
		return roomProducts
	case roomClose:
		return roomCloses
	case roomStatement:
		return roomStatements
	case roomDelivery:
		return roomDeliveries
	case roomMember:
		return roomStaff
	default:
		return "none"
	}
}

// place is one line of the navigation.
type place struct {
	room   room
	name   string
	href   string
	within bool // it is a part of the one above
}

// group is some places under one title.
type group struct {
	title  string // may be empty
	places []place
}

// id is the id of a group's title in the navigation with the given label.
func (g group) id(label string) string { return strings.ToLower(label + "-" + g.title) }

// groups is the navigation.
var groups = []group{
	{"", []place{
		{roomOverview, "Overview", "/admin", false},
		{roomInbox, "Inbox", "/admin/inbox", false},
	}},
	{"Shop", []place{
		{roomOrders, "Orders", "/admin/orders", false},
		{roomNeedy, "Need attention", "/admin/orders?status=" + string(StatusAttention), true},
		{roomPayments, "Payments", "/admin/payments", false},
		{roomRefunds, "Refunds", "/admin/refunds", false},
		{roomProducts, "Products", "/admin/products", false},
	}},
	{"Books", []place{
		{roomCloses, "Daily close", "/admin/closes", false},
		{roomStatements, "Reconciliation", "/admin/statements", false},
	}},
	{"Wires", []place{
		{roomProviders, "Providers", "/admin/providers", false},
		{roomDeliveries, "Deliveries", "/admin/deliveries", false},
	}},
	{"House", []place{
		{roomStaff, "Staff", "/admin/staff", false},
		{roomAudit, "Audit", "/admin/audit", false},
		{roomSettings, "Settings", "/admin/settings", false},
	}},
}
