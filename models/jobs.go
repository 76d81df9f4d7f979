package models

// SettleDelivery is the job that follows a stored callback: find its payment
// and settle it.
type SettleDelivery struct {
	DeliveryID int64 `json:"delivery_id" river:"unique"`
}

// Kind implements JobArgs.
func (SettleDelivery) Kind() string { return "settle_delivery" }

// SendMail is the job that follows a mail row: write the mail and send it.
type SendMail struct {
	MailID int64 `json:"mail_id" river:"unique"`
}

// Kind implements JobArgs.
func (SendMail) Kind() string { return "send_mail" }
