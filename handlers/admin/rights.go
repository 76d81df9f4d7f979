package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// right is something that not everybody on the staff may do. It reads on after
// "whoever".
type right string

// The rights.
const (
	rightChange right = "changes an order, or asks its provider,"
	rightRefund right = "gives money back"
	rightDecide right = "decides about money that does not add up"
	rightSell   right = "changes what is for sale"
	rightExport right = "takes lists out of the house"
	rightBooks  right = "reads statements of providers and banks in"
	rightAudit  right = "reads what staff did"
	rightStaff  right = "changes who is on the staff"
	rightHouse  right = "changes the settings of the shop"
)

// rights says who may do what. Everybody who is signed in may look.
var rights = map[right][]models.Role{
	rightChange: {models.RoleClerk, models.RoleManager, models.RoleOwner},
	rightRefund: {models.RoleManager, models.RoleOwner},
	rightDecide: {models.RoleManager, models.RoleOwner},
	rightSell:   {models.RoleManager, models.RoleOwner},
	rightExport: {models.RoleManager, models.RoleOwner},
	rightBooks:  {models.RoleManager, models.RoleOwner},
	rightAudit:  {models.RoleManager, models.RoleOwner},
	rightStaff:  {models.RoleOwner},
	rightHouse:  {models.RoleOwner},
}

// rightFor is what a verb needs.
var rightFor = map[page.Verb]right{
	page.VerbCapture:  rightChange,
	page.VerbVoid:     rightChange,
	page.VerbCancel:   rightChange,
	page.VerbReverse:  rightRefund,
	page.VerbReceived: rightDecide,
}

// rightForOperation is what deciding about an operation without an answer needs:
// what asking for it needed.
func rightForOperation(kind models.OperationKind) right {
	switch kind {
	case models.OperationRefund, models.OperationReverse:
		return rightRefund
	case models.OperationReceived:
		return rightDecide
	case models.OperationStart, models.OperationCapture, models.OperationVoid, models.OperationCancel, models.OperationRenew:
		return rightChange
	default:
		return rightDecide
	}
}

// has reports whether somebody has a right.
func has(me models.Staff, r right) bool { return slices.Contains(rights[r], me.Role) }

// missing is the error for somebody who lacks a right.
type missing struct{ right right }

func (m *missing) Error() string { return "admin: not the right of who " + string(m.right) }

// need is nil for somebody who has a right. Else the page of the error says
// which one is missing.
func need(c *gin.Context, r right) error {
	if me := member(c); !has(me, r) {
		err := fmt.Errorf("%w: role %s: %w", web.ErrForbidden, me.Role, &missing{r})
		_ = c.Error(err)
		return err
	}
	return nil
}

// forbidden says which right is missing.
func forbidden(c *gin.Context) (title, text string) {
	const title403 = "You may not do that"
	var lack *missing
	if last := c.Errors.Last(); last == nil || !errors.As(last.Err, &lack) {
		return title403, "The request did not come from a page of this dashboard, so it was not carried out. Nothing was changed."
	}
	role := "Your role is " + string(member(c).Role)
	if member(c).Role == models.RoleViewer {
		role += ": you may look at everything and change nothing"
	}
	return title403, role + ". Whoever " + string(lack.right) + " needs the role " + either(rights[lack.right]) + ". Nothing was changed."
}

// either lists roles, of which one will do.
func either(roles []models.Role) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
