package e2e_test

import (
	"os/exec"
	"syscall"
)

// dieTogether has the kernel end a process when the tests end without having
// done so themselves.
func dieTogether(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
