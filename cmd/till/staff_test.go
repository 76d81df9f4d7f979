package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestStaff(t *testing.T) {
	t.Parallel()
	environ := []string{"TILL_DATABASE=" + filepath.Join(t.TempDir(), "shop.db")}
	const good = "three-kererū-in-a-rimu"
	for _, tt := range []struct {
		name, stdin, args string
		status            int
		says              string
	}{
		{"added", good + "\n", "staff add --email Ann@shop.test --role owner", exitOK, "Added ann@shop.test as owner"},
		{"there already", good + "\n", "staff add --email ann@shop.test --role clerk", exitFailed, "is there already"},
		{"no new line at the end", good, "staff add --email ben@shop.test --role viewer", exitOK, "as viewer"},
		{"nothing typed", "", "staff add --email cleo@shop.test --role clerk", exitUsage, "needs at least 12"},
		{"guessed by everybody", "Password1234!\n", "staff add --email cleo@shop.test --role clerk", exitUsage, "everybody would guess it"},
		{"new password", good + " and more\n", "staff password --email ann@shop.test", exitOK, "signed out everywhere"},
		{"second factor lost", "", "staff second-factor --email ann@shop.test", exitOK, "signs in with a password alone"},
		{"second factor of nobody", "", "staff second-factor --email dan@shop.test", exitFailed, "nobody"},
		{"new password of nobody", good + "\n", "staff password --email dan@shop.test", exitFailed, "nobody"},
	} { // one after the other
		got := finish(t, tt.stdin, environ, strings.Fields(tt.args)...)
		if got.status != tt.status || !strings.Contains(got.stdout+got.stderr, tt.says) {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if stdin := strings.TrimSpace(tt.stdin); stdin != "" && strings.Contains(got.stdout+got.stderr, stdin) {
			t.Errorf("%s: the password is printed", tt.name)
		}
	}
}
