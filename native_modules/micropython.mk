# pedal_nn and pedal_fx compiled into a MicroPython firmware: make USER_C_MODULES=path/to/upedal (this folder's parent)
UPEDAL_DIR := $(USERMOD_DIR)
include $(UPEDAL_DIR)/flags.mk
SRC_USERMOD_C += $(UPEDAL_DIR)/bindings/modpedal_nn.c $(UPEDAL_DIR)/bindings/modpedal_fx.c
SRC_USERMOD_LIB_C += $(addprefix $(UPEDAL_DIR)/core/, up_plane.c up_act.c up_matvec.c up_conv1d.c up_gru.c up_lstm.c up_qmatvec.c up_qact.c up_qconv1d.c up_qrecur.c up_dither.c up_qmodel.c up_qfile.c up_file.c up_model.c up_split.c up_fx.c up_resample.c up_delay.c up_drive.c up_dynamics.c up_fft.c up_filter.c up_fir.c up_looper.c up_modulation.c up_pconv.c up_pitch.c up_reverb.c up_route.c)
CFLAGS_USERMOD += $(UP_CFLAGS) -I$(UPEDAL_DIR)/core
# The unix port on a PC: fused multiply-adds, for the pedal's bits.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
CFLAGS_USERMOD += -mavx2 -mfma
endif
