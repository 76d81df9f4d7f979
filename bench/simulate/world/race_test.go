//go:build race

package world

const raced = true // under the detector, ten times slower
