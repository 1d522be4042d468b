// SPDX-License-Identifier: MIT
//
// image.hpp: photographs from files and back, for image_pipeline.
//
//     Image photo = read_image("photo.jpg");   // .png by libpng, .jpg by libjpeg, .ppm by hand
//     write_png(photo, "photo.png");
//
// Files that the libraries refuse are std::runtime_error. The reader of .ppm is naive, see there.
#pragma once

#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

struct Image {
    std::size_t width = 0, height = 0;
    std::vector<std::uint8_t> rgb{};  // three bytes a pixel, row by row
};

inline std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open " + path.string());
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline Image decode_png(const std::vector<std::uint8_t>& bytes) {
    png_image decoder{};
    decoder.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&decoder, bytes.data(), bytes.size()))
        throw std::runtime_error(std::string("libpng: ") + decoder.message);
    decoder.format = PNG_FORMAT_RGB;
    Image image{decoder.width, decoder.height, {}};
    image.rgb.resize(PNG_IMAGE_SIZE(decoder));
    const png_color behind_transparency{255, 255, 255};
    if (!png_image_finish_read(&decoder, &behind_transparency, image.rgb.data(), 0, nullptr))
        throw std::runtime_error(std::string("libpng: ") + decoder.message);
    return image;
}

/// libjpeg leaves a broken file by longjmp; all that has a destructor is outside this function.
struct JpegDecoder {
    JpegDecoder() {
        library.err = jpeg_std_error(&errors);
        library.client_data = this;
        errors.error_exit = [](j_common_ptr common) {
            auto* const decoder = static_cast<JpegDecoder*>(common->client_data);
            common->err->format_message(common, decoder->message);
            std::longjmp(decoder->back, 1);
        };
        errors.emit_message = [](j_common_ptr common, int level) {
            if (level < 0) common->err->error_exit(common);  // a warning: the data is damaged
        };
        jpeg_create_decompress(&library);
    }
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;
    ~JpegDecoder() { jpeg_destroy_decompress(&library); }

    bool read(const std::vector<std::uint8_t>& bytes, Image& image) {
        if (setjmp(back) != 0) return false;
        jpeg_mem_src(&library, bytes.data(), bytes.size());  // refuses no bytes at all by longjmp, too
        jpeg_read_header(&library, TRUE);
        library.out_color_space = JCS_RGB;
        jpeg_start_decompress(&library);
        image.width = library.output_width;
        image.height = library.output_height;
        image.rgb.resize(image.width * image.height * 3);
        while (library.output_scanline < library.output_height) {
            JSAMPROW row = image.rgb.data() + library.output_scanline * image.width * 3;
            jpeg_read_scanlines(&library, &row, 1);
        }
        jpeg_finish_decompress(&library);
        return true;
    }

    jpeg_decompress_struct library{};
    jpeg_error_mgr errors{};
    std::jmp_buf back{};
    char message[JMSG_LENGTH_MAX] = "";
};

inline Image decode_jpeg(const std::vector<std::uint8_t>& bytes) {
    JpegDecoder decoder;
    Image image;
    if (!decoder.read(bytes, image)) throw std::runtime_error(std::string("libjpeg: ") + decoder.message);
    return image;
}

/// Believes what the header says about the size, as many a real decoder once did: for a file that
/// is shorter than it claims, this reads past the end of `bytes` and on, until the kernel stops it.
inline Image decode_ppm_naively(const std::vector<std::uint8_t>& bytes) {
    Image image;
    int header = 0;
    const std::string start(bytes.begin(), bytes.begin() + std::min<long>(64, std::ssize(bytes)));
    if (std::sscanf(start.c_str(), "P6 %zu %zu 255%n", &image.width, &image.height, &header) != 2 ||
        header == 0)
        throw std::runtime_error("not a binary PPM file");
    const std::uint8_t* const pixels = bytes.data() + header + 1;
    image.rgb.assign(pixels, pixels + image.width * image.height * 3);
    return image;
}

inline Image read_image(const std::filesystem::path& path) {
    const std::string kind = path.extension().string();
    if (kind == ".png") return decode_png(read_bytes(path));
    if (kind == ".jpg" || kind == ".jpeg") return decode_jpeg(read_bytes(path));
    if (kind == ".ppm") return decode_ppm_naively(read_bytes(path));
    throw std::runtime_error("no decoder for '" + kind + "' files");
}

inline void write_png(const Image& image, const std::filesystem::path& path) {
    png_image encoder{};
    encoder.version = PNG_IMAGE_VERSION;
    encoder.format = PNG_FORMAT_RGB;
    encoder.width = static_cast<png_uint_32>(image.width);
    encoder.height = static_cast<png_uint_32>(image.height);
    if (!png_image_write_to_file(&encoder, path.c_str(), 0, image.rgb.data(), 0, nullptr))
        throw std::runtime_error(std::string("libpng: ") + encoder.message);
}
