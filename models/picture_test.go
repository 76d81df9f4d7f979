package models

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

var (
	red  = color.NRGBA{R: 220, A: 255}
	blue = color.NRGBA{B: 220, A: 255}
)

// halves is red at the left and blue at the right.
func halves(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if x < w/2 {
				img.Set(x, y, red)
			} else {
				img.Set(x, y, blue)
			}
		}
	}
	return img
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pngSum mends the checksum of a PNG whose header was changed.
func pngSum(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[29:], crc32.ChecksumIEEE(raw[12:29]))
	return raw
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifOf(t testing.TB, frames ...image.Image) []byte {
	t.Helper()
	var all gif.GIF
	for _, f := range frames {
		p := image.NewPaletted(f.Bounds(), color.Palette{red, blue, color.Transparent})
		for y := range f.Bounds().Dy() {
			for x := range f.Bounds().Dx() {
				p.Set(x, y, f.At(x, y))
			}
		}
		all.Image, all.Delay = append(all.Image, p), append(all.Delay, 0)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &all); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// held puts EXIF data into a JPEG that says how the camera was held.
func held(raw []byte, order binary.ByteOrder, orientation uint16) []byte {
	tiff := []byte("II*\x00")
	if order == binary.BigEndian {
		tiff = []byte("MM\x00*")
	}
	word := func(n uint16) { tiff = append(tiff, 0, 0); order.PutUint16(tiff[len(tiff)-2:], n) }
	long := func(n uint32) { tiff = append(tiff, 0, 0, 0, 0); order.PutUint32(tiff[len(tiff)-4:], n) }
	long(8)
	word(2)
	word(0x010f) // another field first: the maker
	word(2)
	long(4)
	long(0x41424300)
	word(0x0112)
	word(3)
	long(1)
	word(orientation)
	word(0)
	long(0)
	exif := append([]byte("Exif\x00\x00"), tiff...)
	exif = append(exif, "GPS 41.27S 173.28E"...)
	segment := append([]byte{0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
	return append(append(append([]byte{}, raw[:2]...), append(segment, exif...)...), raw[2:]...)
}

// WebPs of 16 by 8 pixels, red and blue: without loss, with loss, and with loss
// and a hole in it.
const (
	webpLossless = "UklGRiYAAABXRUJQVlA4TBoAAAAvD8ABAA8Qw30S7vkPB2LBZP7SnSlE9D8yAA=="
	webpLossy    = "UklGRj4AAABXRUJQVlA4IDIAAACQAQCdASoQAAgAAUAmJaACdLoAA5gA/vmbf/7p7H/lK//loXpJ/5aF/+WhFV/5aDmQAA=="
	webpClear    = "UklGRoAAAABXRUJQVlA4WAoAAAAQAAAADwAABwAAQUxQSBUAAAABDzD/ERGCTNrGv+e2+6Yhov/J2AcAVlA4IEQAAADwAQCdASoQAAgAAUAmJbACdLoAfg6ETAAA/vmbf/7p7H/kOw2DSU3/+WheCv/loX/5C/dfuv/P/35n+ff4q/8tBMgAAA=="
)

func webpOf(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decoded(t *testing.T, p Picture) image.Image {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(p.Body))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != p.Width || b.Dy() != p.Height {
		t.Fatalf("says %d by %d, and is %v", p.Width, p.Height, b)
	}
	return img
}

// near reports whether a pixel is about the colour.
func near(img image.Image, x, y int, want color.NRGBA) bool {
	r, g, b, a := img.At(x, y).RGBA()
	wr, wg, wb, wa := want.RGBA()
	far := func(a, b uint32) bool { return max(a, b)-min(a, b) > 0x1800 }
	return !far(r, wr) && !far(g, wg) && !far(b, wb) && !far(a, wa)
}

func TestReadPicture(t *testing.T) {
	t.Parallel()
	clear := halves(40, 20)
	clear.Set(0, 0, color.Transparent)
	for _, tt := range []struct {
		name string
		raw  []byte
		mime string
		w, h int
	}{
		{"a PNG", pngOf(t, halves(40, 20)), "image/jpeg", 40, 20},
		{"a PNG that one sees through", pngOf(t, clear), "image/png", 40, 20},
		{"a JPEG", jpegOf(t, halves(40, 20)), "image/jpeg", 40, 20},
		{"a GIF", gifOf(t, halves(40, 20)), "image/jpeg", 40, 20},
		{"a GIF that moves", gifOf(t, halves(40, 20), image.NewNRGBA(image.Rect(0, 0, 40, 20))), "image/jpeg", 40, 20},
		{"a WebP without loss", webpOf(t, webpLossless), "image/jpeg", 16, 8},
		{"a WebP", webpOf(t, webpLossy), "image/jpeg", 16, 8},
		{"a WebP that one sees through", webpOf(t, webpClear), "image/png", 16, 8},
		{"one that is wide", pngOf(t, halves(2400, 100)), "image/jpeg", 1200, 50},
		{"one that is high", jpegOf(t, halves(100, 2400)), "image/jpeg", 50, 1200},
		{"a thread", pngOf(t, halves(4000, 1)), "image/jpeg", 1200, 1},
		{"as large as it may be", gifOf(t, halves(1200, 1200)), "image/jpeg", 1200, 1200},
	} {
		p, err := readPicture(tt.raw, maxPixels)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		img := decoded(t, p)
		if p.Mime != tt.mime || p.Width != tt.w || p.Height != tt.h || !strings.HasPrefix(p.Digest, "sha256-") || len(p.Digest) != 71 {
			t.Errorf("%s: %s, %d by %d, %s", tt.name, p.Mime, p.Width, p.Height, p.Digest)
		}
		if !near(img, tt.w/4, tt.h/2, red) || !near(img, tt.w*3/4, tt.h/2, blue) {
			t.Errorf("%s: the colours are others", tt.name)
		}
	}
}

// The corner that was at the top left of the scene is there again, however the
// camera was held, and where it was is not told.
func TestReadPicture_Upright(t *testing.T) {
	t.Parallel()
	scene := image.NewNRGBA(image.Rect(0, 0, 64, 32))
	for y := range 32 {
		for x := range 64 {
			scene.Set(x, y, color.White)
			if x < 32 && y < 16 {
				scene.Set(x, y, red)
			}
		}
	}
	for orientation, corner := range map[uint16]string{
		0: "top left", 1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
		5: "top left", 6: "top right", 7: "bottom right", 8: "bottom left", 9: "top left",
	} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			raw := held(jpegOf(t, scene), order, orientation)
			p, err := readPicture(raw, maxPixels)
			if err != nil {
				t.Fatal(err)
			}
			w, h := 64, 32
			if orientation >= 5 && orientation <= 8 {
				w, h = 32, 64
			}
			if p.Width != w || p.Height != h {
				t.Errorf("%d: %d by %d", orientation, p.Width, p.Height)
			}
			img, found := decoded(t, p), ""
			for name, at := range map[string]image.Point{"top left": {w / 4, h / 4}, "top right": {w * 3 / 4, h / 4}, "bottom left": {w / 4, h * 3 / 4}, "bottom right": {w * 3 / 4, h * 3 / 4}} {
				if near(img, at.X, at.Y, red) {
					found += name
				}
			}
			if found != corner {
				t.Errorf("%d, %v: %q, want %q", orientation, order, found, corner)
			}
			if bytes.Contains(p.Body, []byte("GPS")) || bytes.Contains(p.Body, []byte("Exif")) {
				t.Error("it still says where it was taken")
			}
		}
	}
}

func TestReadPicture_Refuses(t *testing.T) {
	t.Parallel()
	wide := pngOf(t, halves(4, 4))
	binary.BigEndian.PutUint32(wide[16:], 8000)
	binary.BigEndian.PutUint32(wide[20:], 5001)
	fix := pngSum(wide)
	// A canvas of one pixel, and a frame of 16383 by 16383 on it.
	hidden := []byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00VP8 \x0a\x00\x00\x00\x10\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f")
	binary.LittleEndian.PutUint32(hidden[4:], uint32(len(hidden)-8))
	for _, tt := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"nothing", nil, ErrNotPicture},
		{"text", []byte("not a picture"), ErrNotPicture},
		{"a page that says it is a drawing", []byte("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), ErrNotPicture},
		{"another kind", []byte("BM\x00\x00\x00\x00"), ErrNotPicture},
		{"a beginning and nothing more", []byte("\x89PNG\r\n\x1a\n"), ErrNotPicture},
		{"half a PNG", pngOf(t, halves(40, 20))[:60], ErrNotPicture},
		{"half a JPEG", jpegOf(t, halves(40, 20))[:200], ErrNotPicture},
		{"half a WebP", webpOf(t, webpLossy)[:40], ErrNotPicture},
		{"a PNG with one column too many", fix, ErrManyPixels},
		{"a WebP with a frame larger than its canvas", hidden, ErrManyPixels},
	} {
		if p, err := readPicture(tt.raw, maxPixels); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %d bytes", tt.name, err, len(p.Body))
		}
	}
}

// Whatever is uploaded is refused, or becomes a picture of ours. The bound on
// pixels is low here, so that an input costs little.
func FuzzReadPicture(f *testing.F) {
	f.Add(pngOf(f, halves(8, 4)))
	f.Add(jpegOf(f, halves(8, 4)))
	f.Add(gifOf(f, halves(8, 4)))
	f.Add(held(jpegOf(f, halves(8, 4)), binary.BigEndian, 6))
	for _, text := range []string{webpLossless, webpLossy, webpClear} {
		f.Add(webpOf(f, text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 64<<10 {
			t.Skip("too long to be quick")
		}
		p, err := readPicture(raw, 1<<14)
		if err != nil {
			if !errors.Is(err, ErrNotPicture) && !errors.Is(err, ErrManyPixels) {
				t.Fatal(err)
			}
			return
		}
		img, kind, err := image.Decode(bytes.NewReader(p.Body))
		if err != nil || "image/"+kind != p.Mime || img.Bounds().Dx() != p.Width || img.Bounds().Dy() != p.Height || p.Width > maxSide || p.Height > maxSide {
			t.Fatalf("%s, %d by %d: %s %v", p.Mime, p.Width, p.Height, kind, err)
		}
	})
}
