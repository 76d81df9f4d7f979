package ui

// IconName is one of the drawn icons: 24 by 24, one line, the text's colour.
type IconName string

// The icons.
const (
	IconCart    IconName = "cart"
	IconCheck   IconName = "check"
	IconClock   IconName = "clock"
	IconWarn    IconName = "warn"
	IconStop    IconName = "stop"
	IconInfo    IconName = "info"
	IconDot     IconName = "dot"
	IconArrow   IconName = "arrow"
	IconBack    IconName = "back"
	IconReturn  IconName = "return"
	IconPerson  IconName = "person"
	IconPrint   IconName = "print"
	IconChevron IconName = "chevron"
	IconSearch  IconName = "search"
	IconMenu    IconName = "menu"
	IconAsk     IconName = "ask"
)
