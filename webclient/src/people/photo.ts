// A photo as it is kept: square, and no larger than it is ever shown.
import { upload } from '@/api/blobs';
import type { Medium } from '@/api/contacts';

const SIDE = 512;

/** Uploads the middle of a picture. Throws when the browser cannot read it. */
export async function takePhoto(file: Blob): Promise<Medium> {
  const picture = await createImageBitmap(file);
  const side = Math.min(picture.width, picture.height);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = Math.min(SIDE, side);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('no canvas');
  context.fillStyle = '#fff'; // under what is transparent: JPEG has no other ground than black
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(
    picture,
    (picture.width - side) / 2,
    (picture.height - side) / 2,
    side,
    side,
    0,
    0,
    canvas.width,
    canvas.height,
  );
  picture.close();
  const data = await new Promise<Blob>((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('no blob'))),
      'image/jpeg',
      0.85,
    );
  });
  const { blobId } = await upload(data, { type: 'image/jpeg' });
  return { kind: 'photo', blobId, mediaType: 'image/jpeg' };
}
