package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// EventNote is what somebody on the staff wrote down about an order: its Detail,
// with the line breaks that were typed. Its FromState is the key of the form.
const EventNote EventKind = "note"

// Note writes a note about an order. The same key again writes nothing; with
// another text in it the error is ErrDuplicate.
func (o *Orders) Note(ctx context.Context, id int64, key, text string, cause Cause) error {
	return o.db.Write(ctx, func(tx *gorm.DB) error {
		if _, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", id).First(ctx); err != nil {
			return named(err, "order")
		}
		before, err := rowsOf[Event](tx).Where("order_id = ? AND kind = ? AND from_state = ?", id, EventNote, key).Find(ctx)
		if err != nil {
			return named(err, "notes")
		}
		if len(before) > 0 {
			if before[0].Detail != text || before[0].Actor != cause.Actor {
				return fmt.Errorf("%w: key of another note", ErrDuplicate)
			}
			return nil
		}
		return addEvent(ctx, tx, Event{OrderID: id, Kind: EventNote, FromState: key, Detail: text, Cause: cause})
	})
}
