// Package e2e is where the whole of Till is tried from outside: the built
// program as processes, databases on disk, the sandbox over HTTP, and a real
// browser used as a person uses one. It imports nothing of ours, so that a wrong
// mapping cannot cancel itself out; everything lives in its tests.
//
// It needs a Chromium for the pages and a PostgreSQL for half of what is about
// concurrency. What is missing is skipped, unless TILL_TEST_REQUIRE names it.
package e2e
