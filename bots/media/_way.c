/* The way out of one session: packets are made, protected and sent in one call. The
 * twin of what sending.Outlet and SendStream do in Python, byte for byte.
 *
 * libsrtp is the one that pylibsrtp has loaded: its functions and the session come as
 * addresses (srtp.SrtpSender.entry), since that library exports no names. */
#include "_lane.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define OVERHEAD_BYTES 20      /* srtp.OVERHEAD_BYTES */
#define MAX_EXTENSION_BYTES 64 /* more elements than we write */
#define FIXED_HEADER_BYTES 12

typedef int (*Protect)(void *session, void *packet, int *length);

/* What does not change from one packet of a stream to the next. */
typedef struct {
  PyObject_HEAD
  uint8_t first, extensions[MAX_EXTENSION_BYTES];
  uint32_t ssrc;
  int extension_bytes, time_at, wide_at;
} Header;

static PyTypeObject *header_type;

static int header_init(Header *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"first", "ssrc", "extensions", "time_at", "wide_at", NULL};
  unsigned int ssrc;
  Py_buffer extensions;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "bIy*ii", names, &self->first, &ssrc,
                                   &extensions, &self->time_at, &self->wide_at))
    return -1;
  self->ssrc = ssrc;
  int end = FIXED_HEADER_BYTES + (int)extensions.len;
  int fits = extensions.len <= MAX_EXTENSION_BYTES && self->time_at <= end - 3 &&
             self->wide_at <= end - 2 && self->time_at >= 0 && self->wide_at >= 0;
  if (fits) {
    memcpy(self->extensions, extensions.buf, (size_t)extensions.len);
    self->extension_bytes = (int)extensions.len;
  }
  PyBuffer_Release(&extensions);
  if (fits) return 0;
  PyErr_SetString(PyExc_ValueError, "the extensions do not fit a header");
  return -1;
}

static void header_dealloc(Header *self) {
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyType_Slot header_slots[] = {{Py_tp_new, PyType_GenericNew},
                                     {Py_tp_init, header_init},
                                     {Py_tp_dealloc, header_dealloc},
                                     {0, NULL}};
static PyType_Spec header_spec = {"bots.media._lane.Header", sizeof(Header), 0,
                                  Py_TPFLAGS_DEFAULT, header_slots};

PyTypeObject *make_header_type(void) {
  header_type = (PyTypeObject *)PyType_FromSpec(&header_spec);
  return header_type;
}

typedef struct {
  PyObject_HEAD
  int fd;
  uint16_t transport_sequence;
  void *session;
  Protect protect, protect_rtcp;
  PyObject *keeper; /* the SrtpSender whose session this is */
  Py_buffer workspace;
} Way;

static int way_init(Way *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"", "", "", "", "", "", NULL};
  PyObject *workspace, *keeper;
  unsigned long long session, protect, protect_rtcp;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOOKKK", names, &self->fd, &workspace,
                                   &keeper, &session, &protect, &protect_rtcp))
    return -1;
  if (self->workspace.obj) {
    PyErr_SetString(PyExc_ValueError, "a way is made once");
    return -1;
  }
  if (PyObject_GetBuffer(workspace, &self->workspace, PyBUF_WRITABLE)) return -1;
  self->session = (void *)(uintptr_t)session;
  self->protect = (Protect)(uintptr_t)protect;
  self->protect_rtcp = (Protect)(uintptr_t)protect_rtcp;
  self->keeper = Py_NewRef(keeper);
  return 0;
}

static void way_dealloc(Way *self) {
  Py_XDECREF(self->keeper);
  if (self->workspace.obj) PyBuffer_Release(&self->workspace);
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

/* Return 0 if it was sent, the system's errno, or libsrtp's status below zero. */
static long send_protected(Way *self, Protect protect, int length) {
  int status = protect(self->session, self->workspace.buf, &length);
  if (status) return -status;
  ssize_t sent = send(self->fd, self->workspace.buf, (size_t)length, MSG_DONTWAIT);
  return sent < 0 ? errno : 0;
}

static int has_room(Way *self, Py_ssize_t size) {
  if (size >= 0 && size + OVERHEAD_BYTES <= self->workspace.len) return 1;
  PyErr_SetString(PyExc_ValueError, "the packet is longer than the workspace");
  return 0;
}

static PyObject *way_packet(Way *self, PyObject *const *args, Py_ssize_t count) {
  if (count != 7 || !Py_IS_TYPE(args[0], header_type) || !PyBytes_Check(args[5])) {
    PyErr_SetString(PyExc_TypeError, "packet takes a header, its fields and a payload");
    return NULL;
  }
  Header *header = (Header *)args[0];
  unsigned long second = PyLong_AsUnsignedLongMask(args[1]);
  unsigned long sequence = PyLong_AsUnsignedLongMask(args[2]);
  unsigned long timestamp = PyLong_AsUnsignedLongMask(args[3]);
  unsigned long lead = PyLong_AsUnsignedLongMask(args[4]);
  double now_s = PyFloat_AsDouble(args[6]);
  if (PyErr_Occurred()) return NULL;
  Py_ssize_t size = PyBytes_GET_SIZE(args[5]);
  int at = FIXED_HEADER_BYTES + header->extension_bytes;
  Py_ssize_t end = at + (lead ? 4 : 0) + size;
  if (!has_room(self, end)) return NULL;
  uint8_t *p = self->workspace.buf;
  p[0] = header->first;
  p[1] = (uint8_t)second;
  write_short(p + 2, (uint32_t)sequence);
  write_long(p + 4, (uint32_t)timestamp);
  write_long(p + 8, header->ssrc);
  memcpy(p + FIXED_HEADER_BYTES, header->extensions, (size_t)header->extension_bytes);
  if (header->time_at) {
    uint32_t ticks = (uint32_t)(long long)(now_s * 262144);
    p[header->time_at] = (uint8_t)(ticks >> 16);
    write_short(p + header->time_at + 1, ticks);
  }
  if (header->wide_at) write_short(p + header->wide_at, ++self->transport_sequence);
  if (lead) {
    write_long(p + at, (uint32_t)lead);
    at += 4;
  }
  memcpy(p + at, PyBytes_AS_STRING(args[5]), (size_t)size);
  return PyLong_FromLong(send_protected(self, self->protect, (int)end));
}

static PyObject *way_rtcp(Way *self, PyObject *compound) {
  if (!PyBytes_Check(compound)) {
    PyErr_SetString(PyExc_TypeError, "a compound is bytes");
    return NULL;
  }
  Py_ssize_t size = PyBytes_GET_SIZE(compound);
  if (!has_room(self, size)) return NULL;
  memcpy(self->workspace.buf, PyBytes_AS_STRING(compound), (size_t)size);
  return PyLong_FromLong(send_protected(self, self->protect_rtcp, (int)size));
}

static PyMethodDef way_methods[] = {
    {"packet", (PyCFunction)(void (*)(void))way_packet, METH_FASTCALL, NULL},
    {"rtcp", (PyCFunction)way_rtcp, METH_O, NULL},
    {NULL}};

static PyType_Slot way_slots[] = {{Py_tp_new, PyType_GenericNew},
                                  {Py_tp_init, way_init},
                                  {Py_tp_dealloc, way_dealloc},
                                  {Py_tp_methods, way_methods},
                                  {0, NULL}};
static PyType_Spec way_spec = {"bots.media._lane.Way", sizeof(Way), 0,
                               Py_TPFLAGS_DEFAULT, way_slots};

PyTypeObject *make_way_type(void) { return (PyTypeObject *)PyType_FromSpec(&way_spec); }
