/* The usual packet, taken without the interpreter. Optional: without a compiler the
 * same is done in Python (receiving), and the same tests hold both.
 *
 * An RTP packet that follows the one before it on a known stream is counted in that
 * stream's Lane. Everything else (a gap, a late packet, every hundredth packet, a pause
 * that may be a freeze) is left to Python, which first takes over what the lane counted.
 *
 * Formulas are those of bots/media/quality.py, in the same order of operations. */
#include "_lane.h"
#include <stddef.h>
#include <structmember.h>

#define GAPS 64            /* more frames than between two takings over */
#define FREEZE_EXTRA_S 0.150 /* quality.FREEZE_EXTRA_S: no freeze is shorter */

typedef struct {
  PyObject_HEAD
  PyObject *arrivals; /* _lane.Arrivals */
  Py_buffer tally;    /* one int64: packets that the process took this way */
  double clock_hz, jitter, arrival_s, frame_s, heard_s;
  double gaps[GAPS];
  long long received, bytes, frames;
  uint32_t timestamp;
  uint16_t highest;
  int tag_bytes, open_every, is_video, wide_id, wide_at, is_open;
} Lane;

static int lane_init(Lane *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"clock_hz", "tag_bytes", "open_every", "is_video",
                          "wide_id",  "arrivals",  "tally",      NULL};
  PyObject *arrivals, *tally;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "$diipiO!O", names, &self->clock_hz,
                                   &self->tag_bytes, &self->open_every,
                                   &self->is_video, &self->wide_id, arrivals_type,
                                   &arrivals, &tally))
    return -1;
  if (self->open_every < 1 || self->tally.obj) {
    PyErr_SetString(PyExc_ValueError, "a lane is made once, and samples");
    return -1;
  }
  if (PyObject_GetBuffer(tally, &self->tally, PyBUF_WRITABLE)) return -1;
  if (self->tally.len < (Py_ssize_t)sizeof(int64_t)) {
    PyErr_SetString(PyExc_ValueError, "a tally holds a 64-bit number");
    return -1;
  }
  Py_INCREF(arrivals);
  Py_XSETREF(self->arrivals, arrivals);
  return 0;
}

static void lane_dealloc(Lane *self) {
  Py_XDECREF(self->arrivals);
  if (self->tally.obj) PyBuffer_Release(&self->tally);
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

int lane_take(PyObject *lane, const uint8_t *p, Py_ssize_t size, double now_s) {
  Lane *self = (Lane *)lane;
  if (!self->is_open) return 0;
  uint16_t sequence = read_short(p + 2);
  if ((uint16_t)(sequence - self->highest) != 1 || sequence % self->open_every == 0)
    return 0;
  uint32_t timestamp = read_long(p + 4);
  double ticks = (double)timestamp - (double)self->timestamp;
  if (!(0 <= ticks && ticks < 2147483648.0)) return 0;
  int ends_frame = self->is_video && p[1] > 127;
  double gap_s = now_s - self->frame_s;
  if (ends_frame && gap_s >= FREEZE_EXTRA_S) return 0;
  if (self->wide_id) { /* the element stands where the last one stood */
    int at = self->wide_at;
    if (!at || at + 2 > size || !(p[0] & 0x10) || p[at - 1] != (self->wide_id << 4 | 1))
      return 0;
    if (arrivals_note(self->arrivals, read_short(p + at), now_s)) return -1;
  }
  double change = (now_s - self->arrival_s) * self->clock_hz - ticks;
  self->jitter += ((change > 0 ? change : -change) - self->jitter) / 16;
  self->highest = sequence;
  self->timestamp = timestamp;
  self->arrival_s = self->heard_s = now_s;
  self->received++;
  self->bytes += size - self->tag_bytes;
  ++*(int64_t *)self->tally.buf;
  if (ends_frame) {
    self->gaps[self->frames++ % GAPS] = gap_s;
    self->frame_s = now_s;
  }
  return 1;
}

static PyObject *lane_resume(Lane *self, PyObject *args) {
  unsigned int highest;
  if (!PyArg_ParseTuple(args, "IIdddi", &highest, &self->timestamp, &self->arrival_s,
                        &self->jitter, &self->frame_s, &self->wide_at))
    return NULL;
  self->highest = (uint16_t)highest;
  self->is_open = 1;
  Py_RETURN_NONE;
}

static PyObject *lane_settle(Lane *self, PyObject *unused) {
  if (!self->received) Py_RETURN_NONE;
  Py_ssize_t kept = self->frames < GAPS ? (Py_ssize_t)self->frames : GAPS;
  PyObject *gaps = PyTuple_New(kept);
  if (!gaps) return NULL;
  for (Py_ssize_t i = 0; i < kept; i++) {
    double gap_s = self->gaps[(self->frames - kept + i) % GAPS];
    PyObject *gap = PyFloat_FromDouble(gap_s);
    if (!gap) {
      Py_DECREF(gaps);
      return NULL;
    }
    PyTuple_SET_ITEM(gaps, i, gap);
  }
  PyObject *told =
      Py_BuildValue("(LLdIdLNd)", self->received, self->bytes, self->jitter,
                    self->timestamp, self->arrival_s, self->frames, gaps, self->frame_s);
  if (told) self->received = self->bytes = self->frames = 0;
  return told;
}

static PyObject *lane_halt(Lane *self, PyObject *unused) {
  self->is_open = 0;
  Py_RETURN_NONE;
}

static PyObject *lane_packet(Lane *self, PyObject *args) {
  Py_buffer packet;
  double now_s;
  if (!PyArg_ParseTuple(args, "y*d", &packet, &now_s)) return NULL;
  int taken = packet.len < 12 ? 0 : lane_take((PyObject *)self, packet.buf, packet.len, now_s);
  PyBuffer_Release(&packet);
  return taken < 0 ? NULL : PyBool_FromLong(taken);
}

static PyMethodDef lane_methods[] = {
    {"packet", (PyCFunction)lane_packet, METH_VARARGS, NULL},
    {"resume", (PyCFunction)lane_resume, METH_VARARGS, NULL},
    {"settle", (PyCFunction)lane_settle, METH_NOARGS, NULL},
    {"halt", (PyCFunction)lane_halt, METH_NOARGS, NULL},
    {NULL}};

static PyMemberDef lane_members[] = {
    {"heard_s", T_DOUBLE, offsetof(Lane, heard_s), READONLY, NULL},
    {"is_open", T_INT, offsetof(Lane, is_open), READONLY, NULL},
    {NULL}};

static PyType_Slot lane_slots[] = {{Py_tp_new, PyType_GenericNew},
                                   {Py_tp_init, lane_init},
                                   {Py_tp_dealloc, lane_dealloc},
                                   {Py_tp_methods, lane_methods},
                                   {Py_tp_members, lane_members},
                                   {0, NULL}};
static PyType_Spec lane_spec = {"bots.media._lane.Lane", sizeof(Lane), 0,
                                Py_TPFLAGS_DEFAULT, lane_slots};
PyTypeObject *lane_type;

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "bots.media._lane",
                                        "The usual packet, taken in C.", -1, NULL};

static int add(PyObject *module, PyTypeObject *type) {
  return type ? PyModule_AddType(module, type) : -1;
}

PyMODINIT_FUNC PyInit__lane(void) {
  PyObject *module = PyModule_Create(&definition);
  if (!module) return NULL;
  lane_type = (PyTypeObject *)PyType_FromSpec(&lane_spec);
  if (add(module, lane_type) || add(module, make_arrivals_type()) ||
      add(module, make_reader_type()) || add(module, make_header_type()) ||
      add(module, make_way_type()) ||
      PyModule_AddIntConstant(module, "REVISION", REVISION)) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
